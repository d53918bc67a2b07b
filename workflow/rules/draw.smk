# A rule for each of FIGURES, with the files that PATTERNS says if it is not one file.

for name, (tables, drawn, named) in FIGURES.items():
    file = PATTERNS.get(name, name)
    caption = f"workflow/report/{name}.rst"
    if not Path(workflow.basedir, caption).is_file():  # otherwise only --report would miss it
        raise SystemExit(f"{caption}: is missing: write the caption of {name} there")

    rule:
        name:
            name
        input:
            **tables,
        output:
            svg=report(
                f"<results>/figures/{file}.svg",
                caption=f"../../{caption}",
                category="Figures",
            ),
            pdf=f"<results>/figures/{file}.pdf",
            png=f"<results>/figures/{file}.png",
        log:
            f"<results>/logs/{file}.log",
        localrule: True
        conda:
            "../../envs/environment.yaml"
        params:
            code=fingerprint(
                "figure.py",
                f"basemodel.report.figures.{name}",
                *module_names(named),
                *ARCHITECTURE_MODULES,
            ),
            settings=ordered(figure=name, dpi=config["figures"]["dpi"], **drawn),
        script:
            "../scripts/figure.py"
