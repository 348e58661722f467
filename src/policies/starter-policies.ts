import { type JudgedNode, type PlanPolicy, type PolicyFinding, policy } from "./plan-policy.ts"

/** Finds nodes, and says what is wrong with each. */
function ofNodes(wrong: (node: JudgedNode) => string | undefined): PlanPolicy["judge"] {
  return ({ nodes }) =>
    nodes.flatMap((node): readonly PolicyFinding[] => {
      const message = wrong(node)
      return message === undefined ? [] : [{ address: node.address, message }]
    })
}

/** Values that make a bucket public, by the names under which clouds and their tools know them. */
const PUBLIC = /^public-read(-write)?$|^allUsers$|^authenticated-read$/

const noPublicBucket = policy(
  "no public bucket",
  ofNodes(({ kind, props }) => {
    const isBucket = /bucket/i.test(kind) || /bucket/i.test(String(props.collection ?? props.path ?? ""))
    const open = isBucket
      ? leaves(props).find(([, value]) => typeof value === "string" && PUBLIC.test(value))
      : undefined
    return open === undefined ? undefined : `${open[0]} is ${String(open[1])}: everybody can read it`
  }),
)

const noLatestTag = policy(
  "no latest tag",
  ofNodes(({ kind, props }) => {
    const { image } = props
    if (kind !== "docker.container" || typeof image !== "string" || /@sha256:|^sha256:/.test(image)) return undefined
    const tag = /:([^/:]+)$/.exec(image)?.[1]
    if (tag !== undefined && tag !== "latest") return undefined
    return `${image} has ${tag === undefined ? "no tag" : "the tag latest"}: what runs changes without a change of the program`
  }),
)

/** Names of what is secret, as people write them. */
const SECRET_NAME = /(^|[_.-])(pass(word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credentials?)$/i
const CAMEL_SECRET = /(Password|Passwd|Secret|Token|ApiKey|PrivateKey|Credentials?)$/
const SECRET_TEXT = /-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b/

const noPlainSecret = policy(
  "no plain-text secret",
  ofNodes(({ props }) => {
    const found = leaves(props).find(([path, value]) => {
      if (typeof value !== "string" || value === "" || value.includes("[secret ")) return false
      const name = path.split(".").at(-1) ?? ""
      // A path to a file of secrets is none.
      return SECRET_TEXT.test(value) || ((SECRET_NAME.test(name) || CAMEL_SECRET.test(name)) && !value.startsWith("/"))
    })
    return found === undefined
      ? undefined
      : `${found[0]} stands in the program as plain text: take it from secret.env, secret.file or another source`
  }),
)

/** Images of databases, by the last part of their names. */
const DATABASES = /^(postgres|postgresql|mysql|mariadb|mongo|mongodb|redis|valkey|elasticsearch|opensearch|cassandra)$/

const noUnprotectedDatabase = policy(
  "no unprotected database",
  ofNodes(({ kind, props, protect }) => {
    if (protect || kind !== "docker.container" || typeof props.image !== "string") return undefined
    const name =
      props.image
        .replace(/@.*$/, "")
        .replace(/:[^/:]*$/, "")
        .split("/")
        .at(-1) ?? ""
    return DATABASES.test(name) ? `${props.image} is a database without protect: true: a plan may delete it` : undefined
  }),
)

/** Each value in props that is no list and no object, with its path: `env.PASSWORD`, `ports.0.address`. */
function leaves(value: unknown, path = ""): (readonly [path: string, value: unknown])[] {
  if (typeof value !== "object" || value === null) return [[path, value]]
  return Object.entries(value).flatMap(([key, each]) => leaves(each, path === "" ? key : `${path}.${key}`))
}

/**
 * Rules to begin with: no public bucket, no latest tag, no plain-text secret, no unprotected database.
 * @example program("shop", {}, build, { policies: [...starterPolicies, policy("…", …)] })
 */
export const starterPolicies: readonly PlanPolicy[] = Object.freeze([
  noPublicBucket,
  noLatestTag,
  noPlainSecret,
  noUnprotectedDatabase,
])
