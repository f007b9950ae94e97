"""Write the tables and draw the figures of an experiment."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    import pandas as pd

    from kanpipe.config.kinds import parsed
    from kanpipe.experiments import outputs, stage
    from kanpipe.experiments.protocol import table_name
    from kanpipe.frames import read_frame, write_frame
    from kanpipe.reporting.cards import write_cards
    from kanpipe.sampled import read_runs

    params = snakemake.params
    spec, described = parsed(params.kind, params.spec), outputs(params.kind).described
    for path in snakemake.output.said:
        write_frame(Path(path), pd.DataFrame(described(spec)))
    frames = {Path(path).stem: read_frame(Path(path)) for path in [*snakemake.input.frames, *snakemake.output.said]}
    for path in snakemake.output.cards:
        write_cards(Path(path), frames[outputs(params.kind).cards])
    for name, table in stage(params.kind, "tables")(frames).items():
        table.write(Path(snakemake.output.tables[0]).with_name(table_name(params.experiment, name)))
    runs = read_runs(snakemake.input.runs, snakemake.input.samples)
    stage(params.kind, "figures")(runs, frames, spec, Path(snakemake.output.figures[0]).parent)
