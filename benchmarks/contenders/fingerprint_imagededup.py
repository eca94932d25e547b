"""imagededup's PHash of every picture of a folder, without workers."""

from contender import Contest
from imagededup.methods import PHash

contest = Contest()
hasher = PHash(verbose=False)
with contest.timed():
    hashes = hasher.encode_images(contest.data / "pictures", num_enc_workers=0)
contest.report("imagededup", pictures=len(hashes))
