"""Write the tables and draw the figures of an experiment."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    import pandas as pd

    from kanpipe.config.kinds import parsed
    from kanpipe.experiments import outputs, stage
    from kanpipe.files import read_table
    from kanpipe.runs import FinishedRun

    params = snakemake.params
    spec, described = parsed(params.kind, params.spec), outputs(params.kind).described
    frames = {Path(path).stem: read_table(path) for path in snakemake.input.frames}
    if described:
        frames["variants"] = pd.DataFrame(described(spec))
    for name, table in stage(params.kind, "tables")(frames).items():
        stem = "_".join(filter(None, (params.experiment, name)))
        table.write(Path(snakemake.output.tables[0]).with_name(stem))
    runs = [FinishedRun.read(Path(record).parent) for record in snakemake.input.runs]
    stage(params.kind, "figures")(runs, frames, spec, Path(snakemake.output.figures[0]).parent)
