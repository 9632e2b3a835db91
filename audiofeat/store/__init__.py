"""Feature stores on disk: shards that appear whole or not at all, and one small file, written last, that names them.

``layout`` names the parts; ``staging`` writes them so that no fault leaves half of one; ``rows`` holds a clip's
features until its shard is written; ``hdf5`` and ``npy`` are the two kinds of shard; ``commits`` remembers
finished shards until ``publish`` hands them to ``store.json``; ``info`` says what a finished
store is, and ``reader`` opens it.

To read: ``clip_index`` finds clips, ``manifest_file`` their rows, ``open_shards`` keeps files open; ``batches`` decides
what is read together, ``padding``, ``patches``, ``to_tf`` and ``to_torch`` make of it what models take.
"""
