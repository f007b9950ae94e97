"""Write the tables and draw the figures of an experiment."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    import pandas as pd

    from kanpipe.experiments import stage
    from kanpipe.runs import FinishedRun

    experiment = snakemake.params.experiment
    frames = {Path(path).stem: pd.read_csv(path) for path in snakemake.input.frames}
    for name, table in stage(experiment, "tables")(frames).items():
        table.write(Path(snakemake.output.tables[0]).with_name(name))
    runs = [FinishedRun.read(Path(record).parent) for record in snakemake.input.runs]
    stage(experiment, "figures")(runs, frames, snakemake.params.spec, Path(snakemake.output.figures[0]).parent)
