"""What pre-training writes on a base model's card, for metrics that only look there."""

import jobs
from basemodel import metrics
from basemodel.files import read_json
from basemodel.models import trained
from later_metrics import OF_CARDS
from test_resume import NEVER, data, pretrain_job  # noqa: F401 (data is a fixture)


def test_static_metrics_find_their_numbers_on_a_new_card(data, tmp_path):  # noqa: F811
    job = pretrain_job(tmp_path / "model", data, "resnet18", NEVER, epochs=1)
    jobs.run(
        "pretrain.py", **job | {"params": job["params"] | {"code": jobs.code_of("pretrain.py")}}
    )
    card = read_json(job["output"]["card"])
    found = {name: metrics.compute(name, {"card": card})["value"] for name in OF_CARDS}
    network = trained.load(job["output"]["weights"], job["output"]["card"]).module
    last = sum(parameter.numel() for parameter in network.fc.parameters())
    assert found == {
        "source_accuracy": card["test_accuracy"],
        "source_classes": 5,
        "source_images": 150,
        "parameters": sum(parameter.numel() for parameter in network.parameters()) - last,
    }
    assert last == 64 * 5 + 5
