import { asFettleError } from "../../errors.ts"
import { type Container, containerOf } from "../../providers/docker/container-json.ts"
import { planContainer } from "../../providers/docker/container-plan.ts"
import { containerProps } from "../../providers/docker/container-props.ts"
import { outputsOf } from "../../providers/docker/container-read.ts"
import { healthOf, shownOf } from "../../providers/docker/container-shown.ts"
import { ownerIn } from "../../providers/docker/labels.ts"
import { isImageId, tagOf } from "../../providers/docker/reference.ts"
import { type EngineJson, isAnonymous, PROJECT } from "../engine/engine-json.ts"
import { textHoldsSecret } from "../looks-secret.ts"
import { environmentOf, type Props, valuesOf } from "./container-values.ts"
import { type Judged, keeperOf } from "./drafted-thing.ts"
import { envHoldsSecret, lineHoldsSecret } from "./env-secrets.ts"
import type { ImageConfig } from "./reading.ts"
import { fields, unsupportedOf } from "./unsupported.ts"

/** What is known besides a container itself. */
export interface ContainerAround {
  readonly info: EngineJson["info"]
  /** Of the image that it was made from. */
  readonly image: ImageConfig | undefined
  /** Which image a tag or a digest means now. */
  readonly tags: ReadonlyMap<string, string>
  readonly now: Date
}

/** Who has been started again so often, and again so lately, falls over and over, also where it is up just now. */
const RESTARTS = 3
const LATELY_MS = 600_000

/**
 * A container as a node, or why it cannot be one. What the kind itself would change, or could not make again, is left out. Pure.
 * @param json as an inspect shows it
 */
export function draftContainer(json: unknown, around: ContainerAround): Judged {
  let container: Container
  try {
    container = containerOf(json)
  } catch (thrown) {
    return { left: { what: "a container", why: `is not understood: ${asFettleError(thrown, "DOCKER_PROTOCOL").fact}` } }
  }
  const { name } = container
  const left = (why: string): Judged => ({ left: { what: `container ${name}`, why } })
  const others = keptByOthers(container, json, around.now)
  if (others !== undefined) return left(others)
  const unsupported = unsupportedOf(json, around.info)
  if (unsupported.length > 0)
    return left(`has what docker.container does not know, and a new one would not have: ${unsupported.join(", ")}`)
  const unnamed = unnamedOf(json, around.image)
  if (unnamed.lost.length > 0)
    return left(`keeps ${unnamed.lost.join(", ")} on a volume without a name, which a new one would not have`)
  const { image, moved } = imageOf(container, around.tags)
  const values = { name, image, ...valuesOf(container.json, around.image, around.info.LoggingDriver) }
  const props = { ...values, ...waitOf(container, values) }
  const { secrets, elsewhere } = secretsOf(props)
  if (elsewhere !== undefined)
    return left(`${elsewhere} holds what looks like a secret, and only an environment can be given one`)
  const why = judged(props, container, around.tags)
  if (why !== undefined) return left(why)
  const notes = [...moved, ...unnamed.notes, ...notesOf(container, json)]
  return { kind: "docker.container", name, props, secrets, notes, project: container.labels[PROJECT] }
}

function keptByOthers({ labels, json: { State } }: Container, json: unknown, now: Date): string | undefined {
  const keeper = keeperOf(labels, ownerIn(labels))
  if (keeper !== undefined) return keeper
  if (labels["com.docker.compose.oneoff"]?.toLowerCase() === "true") return "was run once, by compose run"
  if (fields(fields(json).HostConfig).AutoRemove === true) return "is removed when it ends (--rm)"
  const isLoop =
    Number(fields(json).RestartCount) >= RESTARTS && now.getTime() - Date.parse(State.StartedAt) < LATELY_MS
  if (State.Restarting || (State.Running && isLoop)) return "restarts in a loop: mend it first"
  return ["dead", "removing"].includes(State.Status) ? `is ${State.Status}` : undefined
}

/** Volumes that nobody named: those that the image asks for are made anew for each container, others are not. */
function unnamedOf(
  json: unknown,
  image: ImageConfig | undefined,
): { readonly lost: readonly string[]; readonly notes: readonly string[] } {
  const { Mounts, HostConfig } = fields(json)
  const named = [...list(fields(HostConfig).Binds).map((bind) => String(bind).split(":")[0])]
  const paths = list(Mounts)
    .map(fields)
    .filter(({ Type, Name }) => Type === "volume" && isAnonymous(String(Name)) && !named.includes(String(Name)))
    .map(({ Destination }) => String(Destination))
  const isOfImage = (path: string): boolean => Object.hasOwn(image?.Volumes ?? {}, path)
  const notes = paths
    .filter(isOfImage)
    .map((path) => `${path} lies on a volume without a name: a new container would begin with an empty one.`)
  return { lost: paths.filter((path) => !isOfImage(path)), notes }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The tag that it was made from; where that means another image by now, the id. */
function imageOf(
  { json }: Container,
  tags: ReadonlyMap<string, string>,
): { readonly image: string; readonly moved: readonly string[] } {
  const given = json.Config.Image
  const meant = isImageId(given) ? given : tags.get(tagOf(given))
  if (!isImageId(given) && meant === json.Image) return { image: tagOf(given), moved: [] }
  const tag = [...tags].find(([each, id]) => id === json.Image && !each.includes("@"))?.[0]
  if (tag !== undefined) return { image: tag, moved: [] }
  const words = isImageId(given) ? "Its image has no tag." : `It runs an older image than ${given} is now.`
  return { image: json.Image, moved: [words] }
}

/** An unhealthy one is to be taken over as it is, too. */
function waitOf({ json }: Container, { healthcheck }: Props): Props {
  const isChecked = healthcheck !== undefined && healthcheck !== false
  return isChecked && json.State.Running && healthOf(json) !== "healthy" ? { wait: "running" } : {}
}

function notesOf({ json: { State } }: Container, json: unknown): readonly string[] {
  const health = State.Health?.Status
  const code = fields(fields(json).State).ExitCode
  return [
    ...(State.Running && health === "unhealthy" ? ["It is unhealthy now: without `wait` it would be restarted."] : []),
    ...(State.Status === "paused" ? ["It is paused."] : []),
    ...(State.Status === "exited" && code !== 0 ? [`It has ended with ${Number(code)}.`] : []),
  ]
}

/** A shorter value, or a plain word as in `POSTGRES_PASSWORD=postgres`, stands elsewhere by chance. */
const TELLING = /^(?=.*[^a-z]).{6,}$|^.{12,}$/s

/** Which variables are secret, and what else of it is, or repeats one. */
function secretsOf(props: Props): { readonly secrets: readonly string[]; readonly elsewhere?: string } {
  const env = Object.entries((props.env ?? {}) as Record<string, string>)
  const first = env.filter(([name, value]) => envHoldsSecret(name, value))
  const known = first.map(([, value]) => value).filter((value) => TELLING.test(value))
  const repeats = (text: string): boolean => known.some((value) => text.includes(value))
  const secrets = env.filter(([name, value]) => envHoldsSecret(name, value) || repeats(value)).map(([name]) => name)
  const isSecret = (line: string): boolean => lineHoldsSecret(line) || repeats(line)
  const words = [props.entrypoint, props.command].flatMap((each) => (each ?? []) as readonly string[]).join(" ")
  if (isSecret(words)) return { secrets, elsewhere: "its command" }
  const { test = "" } = (props.healthcheck || {}) as { readonly test?: string | readonly string[] }
  if (isSecret(typeof test === "string" ? test : test.join(" "))) return { secrets, elsewhere: "its health check" }
  const { options = {} } = (props.logging ?? {}) as { readonly options?: Readonly<Record<string, string>> }
  if (mapHoldsSecret(options, repeats)) return { secrets, elsewhere: "its logging" }
  const labels = (props.labels ?? {}) as Readonly<Record<string, string>>
  return mapHoldsSecret(labels, repeats) ? { secrets, elsewhere: "a label of it" } : { secrets }
}

/** Whether options or labels hold a secret: by the last word of a name, or by the value. */
export function mapHoldsSecret(
  map: Readonly<Record<string, string>>,
  repeats: (text: string) => boolean = () => false,
): boolean {
  return Object.entries(map).some(([name, value]) => {
    const last = name.slice(name.lastIndexOf(".") + 1).replaceAll("-", "_")
    return envHoldsSecret(last, value) || textHoldsSecret(`${last}=${value}`) || repeats(value)
  })
}

/** What the kind says of it: undefined where it would be taken over as it is. */
function judged(props: Props, container: Container, tags: ReadonlyMap<string, string>): string | undefined {
  const parsed = containerProps.safeParse(props)
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: "it is not understood" }
    return `cannot be said: ${path.map(String).join(".")}: ${message}`
  }
  const { json, id } = container
  try {
    const want = parsed.data
    const imageWanted = isImageId(want.image) ? want.image : tags.get(want.image)
    const shown = {
      ...shownOf(json, environmentOf(json.Config.Env), (sha256) => sha256),
      imageTag: json.Config.Image,
      ...(imageWanted === undefined ? {} : { imageWanted }),
    }
    const change = planContainer(want, { outputs: outputsOf(container, undefined, []), id, shown }, undefined)
    return "because" in change && change.action !== "none" ? `would be changed: ${change.because}` : undefined
  } catch (thrown) {
    return `is not understood: ${asFettleError(thrown, "DOCKER_PROTOCOL").fact}`
  }
}
