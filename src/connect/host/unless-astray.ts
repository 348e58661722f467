/** Ends a script, before it does anything, where somebody else could lead root astray in a folder of its `writesIn`. */
export const unlessAstray = `[ -z "$ASTRAY" ] || { printf '%s\\n' "$ASTRAY" >&2; exit 11; }\n`
