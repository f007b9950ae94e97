"""Write the tables and draw the figures of an experiment."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.config.kinds import parsed
    from kanpipe.experiments import stage
    from kanpipe.files import read_table
    from kanpipe.runs import FinishedRun

    params = snakemake.params
    frames = {Path(path).stem: read_table(path) for path in snakemake.input.frames}
    for name, table in stage(params.kind, "tables")(frames).items():
        stem = "_".join(filter(None, (params.experiment, name)))
        table.write(Path(snakemake.output.tables[0]).with_name(stem))
    runs = [FinishedRun.read(Path(record).parent) for record in snakemake.input.runs]
    spec, out = parsed(params.kind, params.spec), Path(snakemake.output.figures[0]).parent
    stage(params.kind, "figures")(runs, frames, spec, out)
