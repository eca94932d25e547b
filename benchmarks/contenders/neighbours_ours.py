"""The stage ``index``: builds the index, measures its recall, writes every row's neighbours."""

import numpy as np
import pyarrow as pa
from contender import Contest
from found import NEIGHBOURS, write_neighbours
from own_store import DUMP, fresh_store

from dedup_pipeline.stages.index import index
from dedup_pipeline.store import Store

contest = Contest()
settings = fresh_store(contest, contest.arguments)
with contest.timed():
    result = index(settings, DUMP)
paths = [path for name, path in sorted(result.outputs.items()) if name.startswith("neighbours-")]
table = pa.concat_tables([Store(settings.store).read_table(path, ["row", "neighbours"]) for path in paths])
lists = table["neighbours"].combine_chunks()
neighbours = np.full((len(table), NEIGHBOURS), -1)
lengths = np.asarray(lists.value_lengths())
rows = np.repeat(np.arange(len(table)), lengths)
neighbours[rows, np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)] = lists.flatten().to_numpy()
write_neighbours(contest.results, table["row"].to_numpy(), neighbours)
contest.report(str(result.counts["library"]).replace("faiss", "faiss-cpu"))
