"""The claims, in the order of the work."""

from claims.airflow import CLAIM as AIRFLOW
from claims.chain import CLAIM as CHAIN
from claims.embed import CLAIM as EMBED
from claims.fetch import CLAIM as FETCH
from claims.fingerprint import CLAIM as FINGERPRINT
from claims.ingest import CLAIM as INGEST
from claims.neighbours import ANNOY as NEIGHBOURS_ANNOY
from claims.neighbours import CLAIM as NEIGHBOURS
from claims.neighbours import FAISS as NEIGHBOURS_FAISS
from claims.perceptual import CLAIM as PERCEPTUAL
from claims.second import CLAIM as SECOND
from claims.shop import CLAIM as SHOP
from claims.training import CLAIM as TRAINING
from claims.training import ON_GPU as TRAINING_ON_GPU
from claims.verify import CLAIM as VERIFY

CLAIMS = (
    *(INGEST, FETCH, FINGERPRINT, EMBED, NEIGHBOURS, NEIGHBOURS_FAISS, NEIGHBOURS_ANNOY, PERCEPTUAL, VERIFY),
    *(CHAIN, SHOP, SECOND, AIRFLOW, TRAINING, TRAINING_ON_GPU),
)
