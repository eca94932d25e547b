"""Which URL of a photo comes next: the fallbacks are asked for only when what comes before them fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class FallbackQueue:
    """The way through the photos of a pack; no URL is asked for twice.

    Args:
        photos: the URLs of each photo, the preferred first.
        known: results that are there already: URL to whether it is an image.
    """

    def __init__(self, photos: Sequence[Sequence[str]], known: Mapping[str, bool]) -> None:
        self._photos = photos
        self._known = dict(known)
        self._at = [0] * len(photos)
        self._waiting: dict[str, list[int]] = {}
        self.done = 0

    @property
    def of(self) -> int:
        """The number of photos."""
        return len(self._photos)

    def start(self) -> list[str]:
        """The URLs to ask for first."""
        return self._advance(range(len(self._photos)))

    def record(self, url: str, *, ok: bool) -> list[str]:
        """Take note of a result; returns the URLs to ask for because of it."""
        self._known[url] = ok
        return self._advance(self._waiting.pop(url, ()))

    def _advance(self, photos: Sequence[int]) -> list[str]:
        asked = []
        for photo in photos:
            url = self._next(photo)
            if url is None:
                self.done += 1
            elif url in self._waiting:
                self._waiting[url].append(photo)
            else:
                self._waiting[url] = [photo]
                asked.append(url)
        return asked

    def _next(self, photo: int) -> str | None:
        """The first URL of a photo without a result; None when one is an image or all have failed."""
        urls = self._photos[photo]
        while self._at[photo] < len(urls):
            url = urls[self._at[photo]]
            if url not in self._known:
                return url
            if self._known[url]:
                return None
            self._at[photo] += 1
        return None
