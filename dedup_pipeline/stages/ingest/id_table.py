"""Product ids as numbers: exact, compact, and many at a time."""

from __future__ import annotations

import hashlib
import secrets

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

IdKeys = npt.NDArray[np.uint64]  # (ids, 2)
IdNumbers = npt.NDArray[np.int32]  # (ids,)
_WIDTH = 16
_FILL = 0.5


def id_keys(ids: pa.Array, *, whole: bool = True) -> IdKeys:
    """Ids as pairs of 64-bit numbers, big-endian, so that numbers sort as the ids do.

    An id of at most 16 bytes is its own key. A longer one has its 128-bit BLAKE2b digest for a key: equal keys mean
    equal ids but for a chance of 2^-128 for each pair. Ids hold no NUL.

    Args:
        ids: (ids,) text without nulls.
        whole: False gives the first 16 bytes of long ids, for sorting.

    Returns:
        (ids, 2) uint64.
    """
    lengths = pc.binary_length(ids).to_numpy().astype(np.int64)
    data = np.frombuffer(ids.buffers()[2] or b"", np.uint8)
    starts = np.frombuffer(ids.buffers()[1] or b"", np.int32)[ids.offset : ids.offset + len(ids)].astype(np.int64)
    characters = np.zeros((len(ids), _WIDTH), np.uint8)
    if len(ids) and lengths.min() == lengths.max() <= _WIDTH:
        length = int(lengths[0])
        characters[:, :length] = data[starts[0] : starts[0] + length * len(ids)].reshape(-1, length)
    elif len(ids):
        places = np.arange(_WIDTH)
        inside = places < lengths[:, None]
        characters[inside] = data[(starts[:, None] + places)[inside]]
    if whole:
        for place in np.flatnonzero(lengths > _WIDTH):
            start = starts[place]
            digest = hashlib.blake2b(data[start : start + lengths[place]].tobytes(), digest_size=_WIDTH).digest()
            characters[place] = np.frombuffer(digest, np.uint8)
    keys: IdKeys = characters.view(">u8").astype(np.uint64)
    return keys


class IdTable:
    """Numbers ids from 0 in the order they come; an open-addressing hash table on NumPy arrays.

    About 40 bytes an id. Slots are chosen with a secret, so that nobody can write a dump whose ids all collide; the
    numbers do not depend on it.
    """

    def __init__(self) -> None:
        self.count = 0
        self._keys: IdKeys = np.empty((2, 1 << 16), np.uint64)
        self._slots: IdNumbers = np.full(1 << 17, -1, np.int32)
        self._secret = np.array([secrets.randbits(64) | 1, secrets.randbits(64) | 1], np.uint64)

    def numbers(self, keys: IdKeys) -> IdNumbers:
        """The numbers of some ids; new ones get the next.

        Args:
            keys: (ids, 2) as ``id_keys`` makes them.
        """
        self._reserve(len(keys))
        front, back = keys[:, 0].copy(), keys[:, 1].copy()
        slots = self._home(front, back)
        result: IdNumbers = self._slots[slots]
        asked = np.arange(len(keys))
        held = result
        while True:
            empty = np.flatnonzero(held < 0)
            if len(empty):
                self._place(keys, asked[empty], slots[empty])
                held[empty] = self._slots[slots[empty]]
            other = np.flatnonzero((self._keys[0][held] != front) | (self._keys[1][held] != back))
            if held is not result:
                result[asked] = held
            if not len(other):
                return result
            asked, front, back = asked[other], front[other], back[other]
            slots = (slots[other] + 1) & (len(self._slots) - 1)
            held = self._slots[slots]

    def _place(self, keys: IdKeys, asked: npt.NDArray[np.int64], slots: npt.NDArray[np.int64]) -> None:
        """Give each empty slot to one of those who ask for it; the others look again."""
        order = np.arange(len(slots))
        self._slots[slots[::-1]] = order[::-1]  # the first of several wins: an assignment keeps the last value
        winners = self._slots[slots] == order
        numbers = self.count + np.arange(int(winners.sum()), dtype=np.int32)
        self._slots[slots[winners]] = numbers
        self._keys[:, numbers] = keys[asked[winners]].T
        self.count += len(numbers)

    def _home(self, front: npt.NDArray[np.uint64], back: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        mixed = front * self._secret[0] ^ (back + self._secret[1]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
        mixed *= self._secret[1]
        slots: npt.NDArray[np.int64] = (mixed >> np.uint64(65 - len(self._slots).bit_length())).astype(np.int64)
        return slots

    def _reserve(self, more: int) -> None:
        """Make room, so that at most half of the slots are taken."""
        needed = self.count + more
        room = self._keys.shape[1]
        if needed > room:
            larger = np.empty((2, max(needed, room * 3 // 2)), np.uint64)
            larger[:, : self.count] = self._keys[:, : self.count]
            self._keys = larger
        if needed > _FILL * len(self._slots):
            self._slots = np.full(1 << int(needed / _FILL).bit_length(), -1, np.int32)
            self._fill_slots()

    def _fill_slots(self) -> None:
        mask = len(self._slots) - 1
        for first in range(0, self.count, 1 << 18):
            numbers = np.arange(first, min(first + (1 << 18), self.count), dtype=np.int32)
            slots = self._home(self._keys[0, numbers], self._keys[1, numbers])
            while len(numbers):
                free = self._slots[slots] < 0
                self._slots[slots[free]] = numbers[free]
                unplaced = self._slots[slots] != numbers
                numbers, slots = numbers[unplaced], (slots[unplaced] + 1) & mask
