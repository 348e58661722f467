import { createHash } from "node:crypto"
import { FettleError } from "../../errors.ts"
import { printedBy } from "../inherited.ts"
import { BUILD } from "./build-python.ts"

/** Packing takes one second; a home folder on a slow network may take many. */
const BUILD_MS = 120_000
/** Most that it may print. All collections there are come to less. */
const BUILD_BYTES_MAX = 64 * 1_048_576
/** How the script below says that there is no ansible-core: no exit code of Ansible's own. */
export const NO_CORE = 93

/** Module code as it goes to a target, and where in it each module is. */
export interface Payload {
  /** Version of ansible-core: "2.19.14". */
  readonly core: string
  /** The oldest Python that its modules run with: [3, 8]. */
  readonly python: readonly number[]
  readonly modules: Readonly<Record<string, PackedModule>>
  readonly zip: Buffer
  readonly hash: string
}

/** `action`: a part of it runs on the controller. */
export type PackedModule = { readonly python: string; readonly action: boolean } | { readonly missing: string }

/**
 * The operator's own Python with ansible-core: what is named, a Python or the folder of a venv; else `python3`, else the one that
 * `ansible` in PATH runs with.
 */
const FIND = `core=$1 text=$2; shift 2
if [ -n "$core" ]; then
  [ ! -d "$core" ] || core=$core/bin/python
  "$core" -c 'import ansible' 2>/dev/null || exit ${NO_CORE}
elif ! python3 -c 'import ansible' 2>/dev/null; then
  a=$(command -v ansible) && IFS= read -r core <"$a" && core=\${core#??} && $core -c 'import ansible' 2>/dev/null || exit ${NO_CORE}
fi
exec \${core:-python3} -c "$text" "$@"`

/** The argument list that runs Python text in the Python that has ansible-core. */
export function inCore(core: string, text: string, words: readonly string[]): [string, ...string[]] {
  return ["sh", "-c", FIND, "fettle", core, text, ...words]
}

interface Packed {
  readonly names: ReadonlySet<string>
  readonly payload: Promise<Payload>
}

const packed = new Map<string, Packed>()

/**
 * The code of modules, packed once for all hosts; a name that comes later packs all of them anew.
 * @throws FettleError `ANSIBLE_MISSING` where there is no ansible-core
 */
export async function payloadOf(core: string, wanted: Iterable<string>): Promise<Payload> {
  const known = packed.get(core)
  const names = new Set([...(known?.names ?? []), ...wanted])
  if (known !== undefined && names.size === known.names.size) return known.payload
  const payload = build(core, [...names].sort())
  packed.set(core, { names, payload })
  payload.catch(() => packed.delete(core))
  return payload
}

async function build(core: string, names: readonly string[]): Promise<Payload> {
  const text = await printedBy(inCore(core, BUILD, names), {
    timeoutMs: BUILD_MS,
    bytesMax: BUILD_BYTES_MAX,
  }).catch((thrown: unknown) => {
    throw thrown instanceof FettleError && thrown.fact.endsWith(`exit code ${NO_CORE}`) ? coreMissing(core) : thrown
  })
  const { zip, ...rest } = JSON.parse(text) as Omit<Payload, "zip" | "hash"> & { readonly zip: string }
  const bytes = Buffer.from(zip, "base64")
  return { ...rest, zip: bytes, hash: createHash("sha256").update(bytes).digest("hex") }
}

/** The error where a Python has no ansible-core. */
export function coreMissing(core: string): FettleError {
  const where = core === "" ? "neither python3 nor the `ansible` in PATH has" : `${core} has no`
  return new FettleError("ANSIBLE_MISSING", `${where} ansible-core on this machine`)
}
