"""Feature stores on disk: shards that appear whole or not at all, and one small file, written last, that names them.

``layout`` names the parts; ``staging`` writes them so that no fault leaves half of one; ``rows`` holds a clip's
features until its shard is written; ``hdf5`` and ``npy`` are the two kinds of shard; ``commits`` remembers
finished shards until ``publish`` hands them to ``store.json``. ``audiofeat.reading`` reads a finished store.
"""
