"""Collect time, memory and disk of all jobs."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.reporting.cost import cost_table

    benchmarks: dict[str, list[Path]] = {}
    for path in map(Path, snakemake.input):
        benchmarks.setdefault(path.parent.name, []).append(path)
    results = Path(snakemake.output.csv).parents[1]
    folders = {name: results / name for name in benchmarks}
    cost_table(benchmarks, folders).write(Path(snakemake.output.csv).with_suffix(""))
