"""Where one shard ends and the next begins.

That follows from the keys, so that adding a folder touches its own shards only: a shard begins at a key whose hash
says so (one in ``store.shard_clips`` does), or where a shard would grow beyond ``SHARD_SOURCE_BYTES`` of source or four
times the mean number of clips.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from blake3 import blake3

from audiofeat.records import Clip

SHARD_SOURCE_BYTES = 128 << 20
_LARGEST_SHARE = 4


def shard_borders(clips: Iterable[Clip], *, shard_clips: int) -> Iterator[tuple[str, list[Clip]]]:
    """Cut clips in key order into shards: (slot, clips). A slot is named by the hash of its first key."""
    group: list[Clip] = []
    group_bytes = 0
    slot = ""
    for clip in clips:
        digest = blake3(clip.key.encode()).digest()
        is_border = int.from_bytes(digest[:8], "little") % shard_clips == 0
        is_full = group_bytes + clip.weight_bytes > SHARD_SOURCE_BYTES or len(group) >= _LARGEST_SHARE * shard_clips
        if group and (is_border or is_full):
            yield slot, group
            group, group_bytes = [], 0
        if not group:
            slot = digest[:6].hex()
        group.append(clip)
        group_bytes += clip.weight_bytes
    if group:
        yield slot, group
