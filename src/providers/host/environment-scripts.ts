import { posix } from "node:path"
import { quote } from "../../connect/host/quote.ts"
import { THEIRS } from "../../connect/host/shell.ts"

/** How the scripts of environments end where not well. */
export const INSTALL_ENDS = { refused: 22, failed: 26, noTool: 42 } as const

/** What an environment was brought to is noted in it: one hash. */
const NOTE = ".fettle-environment"

/** Tells of each folder `WORD PATH`: absent, other, broken, or what is noted. By builtins of the shell alone. */
export const noteScript = `for p; do
  h=absent
  if [ -f "$p/${NOTE}" ]; then
    read -r h <"$p/${NOTE}" || h=unfinished
    [ -x "$p/bin/python" ] || h=broken
  elif [ -e "$p" ] || [ -L "$p" ]; then h=other; fi
  printf '%s %s\\n' "$h" "$p"
done`

export interface EnvironmentParts {
  readonly path: string
  readonly python: string
  /** Words for pip, quoted. */
  readonly options: string
  /** Whether packages that the requirements do not name are taken out. */
  readonly exact: boolean
  readonly wanted: string
  /** What was read: a hash, "" where somebody else made it, or "absent". */
  readonly expect: string
}

/** Makes it or brings it up; the note says so before and after. */
export function environmentScript({ path, python, options, exact, wanted, expect }: EnvironmentParts): string {
  return `${head(path)}h=absent
if [ -f "$n" ]; then read -r h <"$n" || h=unfinished; [ -x "$p/bin/python" ] || h=broken
elif [ -e "$p" ] || [ -L "$p" ]; then h=; fi
[ "$h" = ${quote(expect)} ] || [ "$h" = ${wanted} ] || [ "$h" = unfinished ] || exit 10
[ "$h" != ${wanted} ] || exit 0
case $h in
  '') [ -f "$p/pyvenv.cfg" ] && [ ! -L "$p" ] || { printf '%s is there, and is no environment\\n' "$p" >&2; exit ${INSTALL_ENDS.refused}; };;
  broken) rm -rf -- "$p/bin" "$p/lib" "$p/lib64" || exit 20;;
esac
umask 022
if [ ! -x "$p/bin/python" ]; then
  mkdir -p -- "$p" && echo unfinished >"$n" || exit 20
  o=$(${quote(python)} -m venv -- "$p" 2>&1) || { [ "$h" != absent ] || rm -rf -- "$p"; printf '%s\\n' "$o" | tail -n 5 >&2; exit ${INSTALL_ENDS.noTool}; }
fi
echo unfinished >"$n" || exit 20
export PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONNOUSERSITE=1
pip() { "$p/bin/python" -m pip "$@"; }
[ ! -s "$S/names" ] || o=$(pip install -q ${options} -r "$S/requirements" 2>&1) || {
  printf '%s\\n' "$o" | tail -n 15 >&2
  [ "$h" != absent ] || rm -rf -- "$p"
  exit ${INSTALL_ENDS.failed}
}
${
  exact
    ? `more=$(pip list --format=freeze 2>/dev/null | sed 's/[= ].*//' | tr 'A-Z_.' 'a-z--' | grep -vxF -e pip -e setuptools -e wheel -f "$S/names")
[ -z "$more" ] || o=$(pip uninstall -q -y $more 2>&1) || { printf '%s\\n' "$o" >&2; exit ${INSTALL_ENDS.failed}; }
`
    : ""
}sync; echo ${wanted} >"$n.new" && mv -f -- "$n.new" "$n"`
}

/** Only what is an environment, and was brought up by us. */
export function removeEnvironment(path: string, expect: string): string {
  return `${head(path)}[ -e "$p" ] || exit 0
[ -f "$n" ] && [ ! -L "$p" ] || exit 10
read -r h <"$n" || h=unfinished
[ "$h" = ${quote(expect)} ] || [ "$h" = unfinished ] || [ ${quote(expect)} = broken ] || exit 10
rm -rf -- "$p"`
}

function head(path: string): string {
  return `strict=1 U=$(id -u) p=${quote(path)}
n=$p/${NOTE}
${THEIRS}
[ -d ${quote(posix.dirname(path))} ] || { printf 'there is no directory %s\\n' ${quote(posix.dirname(path))} >&2; exit ${INSTALL_ENDS.refused}; }
! theirs ${quote(posix.dirname(path))} || { printf '%s\\n' "$w" >&2; exit ${INSTALL_ENDS.refused}; }
`
}
