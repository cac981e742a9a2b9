"""Runs all records past the judge; holds what passed on disk until the suite has seen the whole table."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from region_heads.console.progress import progress_bar
from region_heads.errors import RegionHeadsError
from region_heads.files.tables import ROW_GROUP, TableWriter
from region_heads.formats.candidate import Candidate
from region_heads.formats.problem import Problem, shown
from region_heads.formats.reading import Raw, RecordFile
from region_heads.parallel import in_order
from region_heads.quality.validation.judging import Chunk, Judge, Verdicts, parsed
from region_heads.quality.validation.layout import Place
from region_heads.quality.validation.lenses import Lenses
from region_heads.quality.validation.pictures import Pictures
from region_heads.quality.validation.quarantine import Quarantine
from region_heads.quality.validation.sources import Source
from region_heads.records import RECORD_SCHEMA

_CHUNK = 256
_LENS = RECORD_SCHEMA.get_field_index("field_of_view")


class Passed:
    """Records that passed the judge, in a scratch file.

    Attributes:
        flat: Their flat rows (``FLAT_SCHEMA``), in order.
        files: Records read from each file.
        extra: Records that hold each field that no format knows.
        lenses: The fields of view of the pictures.
    """

    def __init__(self, scratch: Path, lenses: Lenses) -> None:
        self._scratch = scratch
        self.flat: list[pa.RecordBatch] = []
        self.files: Counter[str] = Counter()
        self.extra: Counter[str] = Counter()
        self.lenses = lenses
        self._ids: dict[str, tuple[str, bytes]] = {}  # where it stood first, and a digest of the record

    def collect(
        self,
        sources: Sequence[Source],
        judge: Judge,
        pictures: Pictures | None,
        rejected: Quarantine,
        *,
        processes: int,
    ) -> None:
        """Reads all files; what does not pass goes to ``rejected``.

        Args:
            pictures: None when the data set comes without.
            processes: That judge; 1 judges in this one.
        """
        bytes_in_all = sum(source.path.stat().st_size for source in sources)
        done = 0
        with (
            TableWriter(self._scratch, RECORD_SCHEMA) as writer,
            progress_bar("validating", total=bytes_in_all, unit="records") as bar,
        ):
            for source in sources:
                self.files[source.name] = 0
                file = RecordFile(source.path)
                chunks = _chunks(source, file, judge, pictures)
                for chunk, verdicts in in_order(judge, chunks, processes=processes, doing="judging records"):
                    self._take(chunk, verdicts, writer, rejected)
                    bar.advance(len(chunk.raws), at=done + file.position)
                done += file.size

    def _take(self, chunk: Chunk, verdicts: Verdicts, writer: TableWriter, rejected: Quarantine) -> None:
        name = chunk.source.name
        self.files[name] += len(chunk.raws)
        problems, kept = dict(verdicts.problems), []
        named = (verdicts.rows[column].to_pylist() for column in ("id", "image", "depth", "field_of_view"))
        for row, (identity, image, depth, degrees, place) in enumerate(zip(*named, verdicts.places, strict=True)):
            where = f"{name}#{chunk.raws[place].number}"
            first, digest = self._ids.setdefault(identity, (where, verdicts.digests[row]))
            if first != where:
                problems[place] = [_duplicate(identity, first, same=digest == verdicts.digests[row])]
            elif contradiction := self.lenses.note(image, depth, degrees):
                problems[place] = [contradiction]
            else:
                kept.append(row)
        for place in sorted(problems):
            rejected.add(name, chunk.raws[place], problems[place])
        rows = verdicts.rows.take(pa.array(kept, pa.int64()))
        self.extra.update(name for text in rows["extra"].drop_null().to_pylist() for name in json.loads(text))
        writer.add(rows)
        self.flat.append(verdicts.flat.take(pa.array(kept, pa.int64())))

    def reject(self, sources: Sequence[Source], failed: Mapping[int, list[Problem]], rejected: Quarantine) -> None:
        """Sends the rows that the suite failed to ``rejected``, whole as they stand in their files, read once more."""
        if not failed:
            return
        flat = pa.Table.from_batches(self.flat).select(["file", "record"]).take(pa.array(sorted(failed))).to_pydict()
        wanted = {
            (file, record): failed[row]
            for row, file, record in zip(sorted(failed), flat["file"], flat["record"], strict=True)
        }
        for source in sources:
            if any(file == source.name for file, _ in wanted):
                for raw in RecordFile(source.path):
                    if (source.name, raw.number) in wanted:
                        rejected.add(source.name, raw, wanted.pop((source.name, raw.number)))
        if wanted:
            raise RegionHeadsError(
                f"{next(iter(wanted))[0]}: the file was changed while it was read; run validate again"
            )

    def write(self, path: Path, *, without: Collection[int]) -> None:
        """Writes the record table without the rows that the suite failed, each with its picture's field of view."""
        if not without and not self.lenses.changed:
            self._scratch.replace(path)
            return
        failed, first = pa.array(sorted(without), pa.int64()), 0
        with pq.ParquetFile(self._scratch) as file, TableWriter(path, RECORD_SCHEMA) as writer:
            for batch in file.iter_batches(ROW_GROUP):
                numbers = pa.array(range(first, first + batch.num_rows), pa.int64())
                kept = batch.filter(pc.invert(pc.is_in(numbers, value_set=failed)))
                lenses = pa.array([self.lenses.of(image) for image in kept["image"].to_pylist()], pa.float64())
                writer.add(kept.set_column(_LENS, RECORD_SCHEMA.field(_LENS), lenses))
                first += batch.num_rows


def _chunks(source: Source, file: RecordFile, judge: Judge, pictures: Pictures | None) -> Iterator[Chunk]:
    records = iter(file)
    together = iter(lambda: list(islice(records, _CHUNK)), [])
    try:
        if pictures is None:
            yield from (Chunk(source, raws, None) for raws in together)
            return

        def places(raws: list[Raw]) -> Iterator[Place]:
            # Parsed for the pictures' names alone, which costs far less than a picture; the judge parses again.
            for name in dict.fromkeys(one.image for one in map(parsed, raws) if isinstance(one, Candidate)):
                yield from judge.layout.both(source.folder_name, name)

        for raws, seen in pictures.look((raws, places(raws)) for raws in together):
            yield Chunk(source, raws, seen)
    except OSError as error:
        raise RegionHeadsError(f"{source.path}: not readable: {error.strerror or error}") from None


def _duplicate(identity: str, first: str, *, same: bool) -> Problem:
    what = "the same record" if same else "a different record"
    found = f"{shown(identity)}, the id of {first}, which is {what}"
    return Problem("duplicate_id", "id", "an id of its own", found, "remove the record or give it a new id")
