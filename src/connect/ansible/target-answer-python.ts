/** What of a module's output is told, and its differences as lines. */
export const ANSWER = String.raw`
def tail(path, most):
    with open(path, "rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - most))
        return file.read().decode("utf-8", "replace")


def found_in(text):
    """The last JSON object that begins a line; modules and what they load may print around it."""
    starts = [0] if text.startswith("{") else []
    at = text.find("\n{")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n{", at + 1)
    for start in reversed(starts[-100:]):
        try:
            return json.JSONDecoder().raw_decode(text, start)[0]
        except ValueError:
            pass
    return None


def text_of(path):
    try:
        if not os.path.exists(path):
            return ""
        if os.path.getsize(path) > TEXT_MAX:
            return None
        with open(path, "rb") as file:
            return file.read().decode("utf-8")
    except (OSError, ValueError):
        return None


def diff_text(diff):
    import difflib
    lines = []
    for each in diff if isinstance(diff, list) else [diff]:
        if not isinstance(each, dict):
            continue
        if each.get("prepared"):
            lines += str(each["prepared"]).rstrip("\n").split("\n")
        if "before" not in each or "after" not in each:
            continue
        sides = [side_of(each[name]) for name in ("before", "after")]
        if sum(map(len, sides)) > 2 * TEXT_MAX:
            lines.append("(a change of more than 64 KB)")
            continue
        made = list(difflib.unified_diff(*[side.splitlines() for side in sides], n=3, lineterm=""))
        lines += [line for line in made if not line.startswith(("--- ", "+++ "))]
    return "\n".join(lines)[:TEXT_MAX]


def side_of(value):
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, indent=1, sort_keys=True, default=str)


`
