"""Finished stores, read: by key, by number, in slices, in patches, and in the batches that models take.

``info`` says what a store is; ``reader`` opens it, and ``store`` adds the portions that models take. ``clip_index``
finds clips, ``manifest_file`` their rows, and ``open_shards`` keeps files open. ``batches`` decides what is read
together; ``padding``, ``patches``, ``to_tf`` and ``to_torch`` make of it what models take.
"""
