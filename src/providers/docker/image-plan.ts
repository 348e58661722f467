import type { Change, Last, Seen } from "../../provider.ts"
import { changeFor, type Difference, isWanted, unlessThere } from "./differences.ts"
import { type ImageOutputs, type ImageProps, inputsOf, sourceOf } from "./image-props.ts"

type Found = Difference<keyof ImageProps & string>

/** What to do with one tag. It always stays in its place: what it means moves. Pure. */
export function planImage(
  want: ImageProps,
  seen: Seen<ImageOutputs>,
  last: Last<ImageProps, ImageOutputs> | undefined,
): Change<ImageProps> {
  const early = unlessThere<ImageProps>(seen)
  if (early !== undefined || !("outputs" in seen)) return early ?? { action: "none" }
  const { outputs, shown = {} } = seen
  const found =
    want.build === undefined
      ? sourceMoved(want, outputs, shown)
      : contextMoved(want, outputs, shown, last?.outputs.image)
  if (want.push && outputs.digest === "" && found.length === 0)
    return changeFor<ImageProps>([live("push", "it was not pushed")], { order: "delete-first" })
  return changeFor<ImageProps>(found, { order: "delete-first" })
}

type Shown = Readonly<Record<string, unknown>>

function contextMoved(
  { build }: ImageProps,
  { builtFrom, image }: ImageOutputs,
  shown: Shown,
  recorded: string | undefined,
): readonly Found[] {
  if (build !== undefined && shown.hashOf !== inputsOf(build))
    return [live("build", "its context or arguments are others now")]
  if (shown.unreadable !== undefined) return [live("build", `its context cannot be read: ${String(shown.unreadable)}`)]
  if (shown.builtFrom === builtFrom) {
    if (recorded !== undefined && recorded !== image)
      return [
        live("build", `its tag means ${shortId(image)}, which is not the one that was built, ${shortId(recorded)}`),
      ]
    return namesIn(shown.bases).map((name) => live("build", `its base ${name} changed`))
  }
  return [
    live("build", builtFrom === "" ? "it was not built from this context" : "its context or arguments have changed"),
  ]
}

function sourceMoved(want: ImageProps, { image, digest }: ImageOutputs, shown: Shown): readonly Found[] {
  const source = sourceOf(want)
  if (shown.source !== undefined && shown.source !== image)
    return [live("from", isWanted("it", shortId(image), `${shortId(shown.source)} as ${source}`))]
  if (want.pull !== "always" || source !== want.name) return []
  return digest.endsWith(String(shown.remote)) ? [] : [live("pull", "its tag means another image in the registry now")]
}

function namesIn(bases: unknown): readonly string[] {
  return Array.isArray(bases) ? bases.map(String) : []
}

function live(prop: keyof ImageProps & string, words: string): Found {
  return { prop, words, needsNew: false }
}

function shortId(id: unknown): string {
  return String(id).replace("sha256:", "").slice(0, 12)
}
