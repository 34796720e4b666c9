"""Harmless rewritings of good files, chosen at random: none may change the verdict.

The seed chooses the clip and what is done to it: tracks are cut, delayed, counted in finer units
or shown in two parts, tracks of other kinds are added, and all is put together anew in one of many
layouts. What is shown stays what it was, but for the cut.
"""

import random
from dataclasses import replace
from functools import cache

from tests.corpus import mp4, remux, remux_webm
from tests.corpus.fixtures import clip

MP4_CLIPS = (
    *("demo.mp4", "busy.mp4", "open_groups.mp4", "hevc_open_groups.mp4", "two_sounds.mp4"),
    *("landscape.mp4", "rotated.mp4", "variable_rate.mp4", "film_rate.mp4", "hevc.mp4"),
)
WEBM_CLIPS = ("demo.webm", "vp8.webm", "busy.webm", "square.webm")
BRANDS = (b"isom", b"iso2", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"3gp4", b"XAVC")
COMPATIBLE = ((b"isom",), (b"isom", b"mp42"), (b"isom", b"iso2", b"avc1", b"mp41"))
LEAST_SECONDS = 3.0


@cache
def _mp4(name: str) -> remux.Movie:
    return remux.read(clip(name))


@cache
def _webm(name: str) -> remux_webm.Movie:
    return remux_webm.read(clip(name))


def rewritten(seed: int) -> tuple[str, bytes]:
    """Return what was done, in words, and the file."""
    chance = random.Random(seed)
    if chance.random() < 0.8:
        return _rewritten_mp4(chance)
    return _rewritten_webm(chance)


def _rewritten_mp4(chance: random.Random) -> tuple[str, bytes]:
    name = chance.choice(MP4_CLIPS)
    movie, done = _mp4(name), [name]
    seconds = min(track.media_seconds for track in movie if track.handler == b"vide")
    if chance.random() < 0.5:
        start = round(chance.uniform(0, seconds - LEAST_SECONDS - 0.2), 3)
        length = round(chance.uniform(LEAST_SECONDS, seconds - start - 0.1), 3)
        movie = remux.cut(movie, start, length)
        done.append(f"from {start} for {length} s")
        seconds = length
    elif chance.random() < 0.4:
        movie, late = _begun_later(chance, movie)
        done.append(late)
    elif chance.random() < 0.3:
        border = chance.randrange(100, int(seconds * 1000) - 100)
        movie = remux.in_two_edits(movie, border)
        done.append(f"in two edits at {border} ms")
    layout = _layout(chance)
    if chance.random() < 0.2:
        from_second = chance.choice((chance.uniform(0.01, 3), 7.0, 300.0, 3000.0))
        fragmented = layout.fragment is not None
        movie = remux.counted_from(movie, from_second, fragmented=fragmented)
        done.append(f"times from {from_second:.3f} s on")
    elif chance.random() < 0.2:
        factor = chance.choice((2, 3, 10))
        movie = remux.rescaled(movie, factor)
        done.append(f"units {factor} times finer")
    for _ in range(chance.choice((0, 0, 1, 1, 2, 3))):
        kind = chance.choice(tuple(remux.SIDE_TRACKS))
        side = remux.side_track(kind, seconds * chance.choice((0.3, 1, 1, 3)))
        side = replace(side, enabled=chance.random() < 0.7)
        movie = (side, *movie) if chance.random() < 0.3 else (*movie, side)
        done.append(f"{kind} of {side.media_seconds:.1f} s")
    done.append(str(layout))
    content = remux.write(movie, layout)
    if chance.random() < 0.3:
        content += mp4.box(chance.choice((b"free", b"skip", b"uuid", b"meta")), bytes(100))
        done.append("a box at the end")
    return ", ".join(done), content


def _begun_later(chance: random.Random, movie: remux.Movie) -> tuple[remux.Movie, str]:
    """Let one track begin a little or some seconds later, each its own time, or all much later."""
    if chance.random() < 0.4:
        late = chance.choice((chance.randrange(10, 3000), 5000, 57_000, 90_000, 3_600_000))
        return remux.delayed(movie, late), f"all {late} ms later"
    done = []
    for handler in chance.choice(((b"vide",), (b"soun",), (b"vide", b"soun"))):
        late = chance.choice((chance.randrange(10, 200), chance.randrange(200, 2500)))
        movie = remux.delayed(movie, late, handler)
        done.append(f"{handler.decode()} {late} ms later")
    return movie, ", ".join(done)


def _layout(chance: random.Random) -> remux.Layout:
    common = remux.Layout(
        brand=chance.choice(BRANDS),
        compatible=chance.choice(COMPATIBLE),
        padding=chance.choice((0, 0, 0, 9, 70_000)),
    )
    if chance.random() < 0.5:
        return replace(common, front=chance.random() < 0.5, chunk=chance.choice((1, 3, 10, 1000)))
    fragmented = replace(common, fragment=chance.choice((0, 100, 500, 1000)))
    return chance.choice(
        (
            fragmented,
            replace(fragmented, at_keys=True),
            replace(fragmented, alone=True),
            replace(fragmented, absolute=True),
            replace(fragmented, index=True),
            replace(fragmented, stated=True),
            replace(fragmented, index=True, at_keys=True, stated=True),
        )
    )


def _rewritten_webm(chance: random.Random) -> tuple[str, bytes]:
    name = chance.choice(WEBM_CLIPS)
    movie, done = _webm(name), [name]
    if name == "busy.webm" and chance.random() < 0.4:
        movie = remux_webm.cut(movie, 900)
        done.append("from 0.9 s on")
    if chance.random() < 0.5:
        kind = chance.choice(tuple(remux_webm.TEXT_TRACKS))
        seconds = chance.choice((2, 4, 9))
        movie = remux_webm.with_text(movie, kind, seconds, empty=chance.random() < 0.2)
        done.append(f"{kind} of {seconds} s")
    if chance.random() < 0.3:
        late = chance.choice((chance.randrange(1, 200), 2500, 57_000, 3_600_000))
        movie = remux_webm.delayed(movie, late)
        done.append(f"{late} ms later")
    layout = remux_webm.Layout(
        cluster=chance.choice((100, 1000, 5000)),
        padding=chance.choice((0, 0, 50, 70_000)),
        groups=chance.random() < 0.3,
        live=chance.random() < 0.3,
        stated=chance.random() < 0.7,
    )
    done.append(str(layout))
    return ", ".join(done), remux_webm.write(movie, layout)
