"""Write the tables and draw the figures of an experiment."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.experiments import stage
    from kanpipe.files import read_table
    from kanpipe.runs import FinishedRun

    experiment = snakemake.params.experiment
    frames = {Path(path).stem: read_table(path) for path in snakemake.input.frames}
    for name, table in stage(experiment, "tables")(frames).items():
        table.write(Path(snakemake.output.tables[0]).with_name(name))
    runs = [FinishedRun.read(Path(record).parent) for record in snakemake.input.get("runs", [])]
    stage(experiment, "figures")(runs, frames, snakemake.params.spec, Path(snakemake.output.figures[0]).parent)
