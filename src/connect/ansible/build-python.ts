/**
 * Runs on this machine, in the Python that has ansible-core: finds modules by the operator's own configuration and packs them
 * with what they import. Prints one JSON object. It follows imports itself: what ansible-core packs by is private to it and moves
 * from version to version, while names of modules and of what they import are what all collections are written against.
 *
 * `argv`: names of modules.
 */
export const BUILD = String.raw`
import ast, base64, io, json, os, sys, zipfile
from ansible.release import __version__
from ansible.plugins import loader

if hasattr(loader, "init_plugin_loader"):
    loader.init_plugin_loader()
import ansible
CORE = os.path.dirname(ansible.__file__)
STAMP = (1980, 1, 1, 0, 0, 0)
packed = {
    "ansible/__init__.py": "__version__ = %r\n__author__ = 'Ansible'\n" % __version__,
    "ansible/modules/__init__.py": "",
    "ansible_collections/__init__.py": "",
}
roots = []


def root_of(path):
    at = path.rfind("/ansible_collections/")
    if at >= 0 and path[:at] not in roots:
        roots.append(path[:at])
    return at


def source_of(dotted):
    """The file that a dotted name is, and whether it is a package; None where it is neither."""
    inside = dotted.replace(".", "/")
    if dotted.startswith("ansible."):
        bases = [os.path.dirname(CORE)]
    else:
        bases = roots + [each for each in sys.path if os.path.isdir(each + "/ansible_collections")]
    for base in bases:
        path = base + "/" + inside
        if os.path.isfile(path + ".py"):
            return path + ".py", False
        if os.path.isdir(path):
            return path + "/__init__.py", True
    return None


def add(dotted):
    """Packs a module of Python with the packages around it and all that it imports, one after the other."""
    waiting = [dotted]
    while waiting:
        name = waiting.pop()
        if not name.startswith(("ansible.module_utils", "ansible_collections.")):
            continue
        found = source_of(name)
        if found is None:
            continue
        path, is_package = found
        inside = name.replace(".", "/") + ("/__init__.py" if is_package else ".py")
        if inside in packed:
            continue
        text = read(path) if os.path.isfile(path) else ""
        packed[inside] = text
        waiting += imports(text, name if is_package else name.rpartition(".")[0])
        waiting += parents(name)


def parents(name):
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(2, len(parts))]


def read(path):
    with open(path, "rb") as file:
        return file.read().decode("utf-8")


def imports(text, package):
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                around = parts[: len(parts) - node.level + 1]
                base = ".".join(around + ([base] if base else []))
            names += [base] + [base + "." + each.name for each in node.names]
    return names


def add_module(name):
    context = loader.module_loader.find_plugin_with_context(name, mod_type="")
    path = context.plugin_resolved_path
    if not context.resolved or not path:
        return {"missing": str(getattr(context, "exit_reason", None) or "it was not found")}
    text = open(path, "rb").read()
    if b"ansible.module_utils" not in text and b"module_utils" not in text:
        return {"missing": "%s is no module of the kind that is written in Python against module_utils" % path}
    if path.endswith((".ps1", ".exe")):
        return {"missing": "%s is written for Windows" % path}
    text = text.decode("utf-8")
    at = root_of(path)
    if at >= 0:
        dotted = os.path.splitext(path[at + 1 :])[0].replace("/", ".")
        add(dotted)
    else:
        dotted = "ansible.modules." + os.path.splitext(os.path.basename(path))[0]
        packed[dotted.replace(".", "/") + ".py"] = text
        for each in imports(text, "ansible.modules"):
            add(each)
    return {"python": dotted, "action": bool(has_action(name))}


def has_action(name):
    found = loader.action_loader.find_plugin_with_context(name)
    return found.resolved


def main():
    add("ansible.module_utils.basic")
    for folder, _, names in os.walk(CORE + "/module_utils/_internal"):
        for each in names:
            if each.endswith(".py"):
                add(os.path.splitext(os.path.relpath(folder + "/" + each, os.path.dirname(CORE)))[0].replace("/", "."))
    modules = {}
    for name in sys.argv[1:]:
        try:
            modules[name] = add_module(name)
        except Exception as error:
            modules[name] = {"missing": "%s: %s" % (type(error).__name__, error)}
    for inside in list(packed):
        parts = inside.split("/")
        for end in range(1, len(parts)):
            packed.setdefault("/".join(parts[:end]) + "/__init__.py", "")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside in sorted(packed):
            archive.writestr(zipfile.ZipInfo(inside, STAMP), packed[inside], zipfile.ZIP_DEFLATED)
    from ansible.module_utils import basic
    found = [getattr(basic, name, None) for name in ("_PY3_MIN", "_PY_MIN")]
    print(json.dumps({
        "core": __version__,
        "python": list(next((each for each in found if isinstance(each, tuple)), (3, 5))),
        "modules": modules,
        "zip": base64.b64encode(stream.getvalue()).decode(),
    }))


main()
`
