"""What a package consists of, as a CycloneDX bill of materials: read from the zip itself."""

import hashlib
import json
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

NAME = "sbom.json"


def bill(file: Path) -> dict[str, Any]:
    """Return the bill of a zip: each package that is in it, with version and licence."""
    with zipfile.ZipFile(file) as content:
        found = [
            _component(HeaderParser().parsestr(content.read(name).decode()))
            for name in sorted(content.namelist())
            if name.endswith(".dist-info/METADATA")
        ]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "greenroom",
                "hashes": [{"alg": "SHA-256", "content": digest}],
            }
        },
        "components": found,
    }


def write(file: Path, target: Path) -> None:
    target.write_text(json.dumps(bill(file), indent=2) + "\n", encoding="utf-8")


def _component(metadata: Any) -> dict[str, Any]:
    name, version = metadata["Name"], metadata["Version"]
    component = {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
    }
    licence = metadata["License-Expression"] or metadata["License"]
    if licence:  # a whole text in place of a name says the name first
        component["licenses"] = [{"license": {"name": licence.strip().splitlines()[0]}}]
    return component
