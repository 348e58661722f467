import { homedir, hostname, userInfo } from "node:os"
import { join } from "node:path"
import { type KeyPlaces, keyPlaces } from "../secrets/key.ts"

/** What the command line finds around it. Nothing else in Fettle reads the environment or looks at the terminal. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** user@host, with the person that CI names. */
  readonly who: string
  readonly host: string
  /** What CI says of itself; undefined elsewhere. */
  readonly ci: Readonly<Record<string, string>> | undefined
  readonly pid: number
  readonly key: KeyPlaces
  readonly color: boolean
  /** Width of the terminal, or as COLUMNS says; where nobody looks, lines are left whole. */
  readonly columns: () => number
  /** Standard output is a terminal. */
  readonly isTTY: boolean
  /** Somebody can be asked. */
  readonly canAsk: boolean
}

/** Who started the run, as the CI systems say it. */
const CI_ACTORS = [
  "GITHUB_ACTOR",
  "GITLAB_USER_LOGIN",
  "BUILDKITE_BUILD_CREATOR",
  "CIRCLE_USERNAME",
  "BUILD_REQUESTEDFOR",
] as const

/** Columns of a terminal that does not say. */
const NARROW = 80
/** Columns of a pipe or a file: who reads them breaks lines as they like. */
const WIDE = 10_000

export function surroundings(): Surroundings {
  const { env, stdin, stdout, stderr } = process
  const isTTY = stdout.isTTY === true
  return {
    env,
    cwd: process.cwd(),
    who: whoStarts(env),
    host: hostname(),
    ci: ciOf(env),
    pid: process.pid,
    key: keyPlaces(env, join(configuration(env), "fettle", "state.key")),
    color: hasColor(env, isTTY),
    columns: () => (isTTY ? stdout.columns : Number(env.COLUMNS)) || (isTTY ? NARROW : WIDE),
    isTTY,
    canAsk: stdin.isTTY === true && (isTTY || stderr.isTTY === true),
  }
}

function configuration(env: NodeJS.ProcessEnv): string {
  const home = env.XDG_CONFIG_HOME
  return home?.startsWith("/") === true ? home : join(env.HOME || homedir(), ".config")
}

/** NO_COLOR and FORCE_COLOR as their conventions have it: an empty value is no value. */
function hasColor(env: NodeJS.ProcessEnv, isTTY: boolean): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false"
  return isTTY && env.TERM !== "dumb"
}

/** What GitHub and GitLab say of a job, under names of our own. None of it is proven. */
const CI_CLAIMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  github: {
    actor: "GITHUB_ACTOR",
    repository: "GITHUB_REPOSITORY",
    commit: "GITHUB_SHA",
    ref: "GITHUB_REF",
    workflow: "GITHUB_WORKFLOW_REF",
    run: "GITHUB_RUN_ID",
  },
  gitlab: {
    actor: "GITLAB_USER_LOGIN",
    repository: "CI_PROJECT_PATH",
    commit: "CI_COMMIT_SHA",
    ref: "CI_COMMIT_REF_NAME",
    run: "CI_JOB_URL",
  },
}

function ciOf(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> | undefined {
  const name = env.GITHUB_ACTIONS === "true" ? "github" : env.GITLAB_CI === "true" ? "gitlab" : undefined
  if (name === undefined) return undefined
  const claims = Object.entries(CI_CLAIMS[name] ?? {}).map(([key, variable]) => [key, env[variable]] as const)
  return { name, ...Object.fromEntries(claims.filter((each): each is [string, string] => Boolean(each[1]))) }
}

function whoStarts(env: NodeJS.ProcessEnv): string {
  const actor = CI_ACTORS.map((name) => env[name]).find((each) => each !== undefined && each !== "")
  return `${userName(env)}@${hostname()}${actor === undefined ? "" : ` for ${actor}`}`
}

/** A container may run under a number that has no name. */
function userName(env: NodeJS.ProcessEnv): string {
  try {
    return userInfo().username
  } catch {
    return env.USER || String(process.getuid?.() ?? "unknown")
  }
}
