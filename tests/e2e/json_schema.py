"""As much of JSON Schema (2020-12) as docs/reference/admin-api.json uses; another keyword is a mistake in it."""

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {"$ref", "type", "properties", "required", "additionalProperties", "items", "enum", "description", "minimum"}


def is_of(value, name):
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def problems(value, schema, root, at="$"):
    """What is wrong with the value, a line each."""
    if unknown := set(schema) - KNOWN:
        raise ValueError(f"{at}: the schema has {unknown}")
    if "$ref" in schema:
        yield from problems(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
        return
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_of(value, name) for name in types):
        yield f"{at} is {value!r}, and no {' or '.join(types)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, and none of {schema['enum']}"
    if "minimum" in schema and isinstance(value, (int, float)) and value < schema["minimum"]:
        yield f"{at} is {value}, less than {schema['minimum']}"
    if isinstance(value, dict):
        yield from problems_of_object(value, schema, root, at)
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from problems(item, schema.get("items", {}), root, f"{at}[{number}]")


def problems_of_object(value, schema, root, at):
    known = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{at} lacks '{name}'"
    others = schema.get("additionalProperties", True)
    for name, part in value.items():
        if name in known:
            yield from problems(part, known[name], root, f"{at}.{name}")
        elif others is False:
            yield f"{at} has '{name}', which the schema does not know"
        elif isinstance(others, dict):
            yield from problems(part, others, root, f"{at}.{name}")
