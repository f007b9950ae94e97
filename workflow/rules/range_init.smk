use rule * from STAGES as PREFIX*


use rule evaluate from STAGES as PREFIX* with:
    resources:
        gpu=GPU,
        mem_mb=3000,
        runtime=60,


use rule publish from STAGES as PREFIX* with:
    resources:
        mem_mb=2000,
        runtime=30,
