#!/usr/bin/python
"""A module of Ansible: one flag of the shop, in a JSON file."""

import json
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: shop_flag
short_description: Keeps a flag of the shop on or off
options:
  path: {type: path, required: true, description: The JSON file of all flags.}
  name: {type: str, required: true, description: Name of the flag.}
  enabled: {type: bool, default: true, description: Whether it is on.}
"""


def read(path):
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def write(path, flags):
    """Beside it first, then in its place: nobody ever reads half of it."""
    handle, beside = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(handle, "w") as file:
        json.dump(flags, file, indent=2, sort_keys=True)
    os.replace(beside, path)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            path=dict(type="path", required=True),
            name=dict(type="str", required=True),
            enabled=dict(type="bool", default=True),
        ),
        supports_check_mode=True,
    )
    path, name, enabled = (module.params[key] for key in ("path", "name", "enabled"))
    try:
        before = read(path)
    except ValueError as error:
        module.fail_json(msg="%s is not JSON: %s" % (path, error))
    after = dict(before, **{name: enabled})
    changed = after != before
    if changed and not module.check_mode:
        write(path, after)
    shown = [json.dumps(flags, indent=2, sort_keys=True) + "\n" for flags in (before, after)]
    module.exit_json(changed=changed, diff=dict(before=shown[0], after=shown[1], before_header=path))


if __name__ == "__main__":
    main()
