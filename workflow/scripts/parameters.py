"""Count the parameters of every variant of every experiment."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.claims.file import load_claims
    from kanpipe.config.kinds import parsed
    from kanpipe.experiments import stage
    from kanpipe.reporting.parameters import as_published, parameter_table

    claims = load_claims([Path(path) for path in snakemake.input.claims])
    models = {
        (experiment, variant): model
        for experiment, kind in snakemake.params.kinds.items()
        for variant, model in stage(kind, "models")(parsed(kind, snakemake.params.specs[experiment])).items()
    }
    matched = {
        (experiment, variant): like
        for experiment, found in snakemake.params.matched.items()
        for variant, like in found.items()
    }
    of_these = [claim for claim in claims if claim.experiment in snakemake.params.kinds]
    table = parameter_table(models | as_published(of_these), claims, matched)
    table.write(Path(snakemake.output.csv).with_suffix(""))
    print(f"\n{Path(snakemake.output.md).read_text()}\n{snakemake.output.md}")
