import { z } from "zod"
import type { EngineClient } from "../../connect/docker/engine-client.ts"
import type { Version } from "./container-props.ts"
import type { There } from "./found.ts"
import { listImages } from "./image-json.ts"
import { isInherited, LINE } from "./labels.ts"
import { orEmpty, shaped, textMap } from "./shape.ts"

/** So much of its id is in the name of a replaced container: it tells them apart, and says that the name was given by us. */
const ID_SHOWN = 12

const listed = z.array(
  z.object({
    Id: z.string(),
    Names: orEmpty(z.string()),
    ImageID: z.string().default(""),
    Created: z.number().default(0),
    Labels: textMap,
  }),
)

/** A container as a list shows it. */
export type Listed = There & { readonly image: string; readonly createdAt: string }

/** All containers that carry a line of ours, in one list. Where two have the same one, those that have it from an image are left out. */
export async function listOurs(client: EngineClient, signal: AbortSignal, line?: string): Promise<readonly Listed[]> {
  const label = [line === undefined ? LINE : `${LINE}=${line}`]
  const { json } = await client.json("GET", "/containers/json", { query: { all: true, filters: { label } }, signal })
  const all = shaped(listed, json, "the list of containers").map(({ Id, Names, ImageID, Created, Labels }) => ({
    id: Id,
    name: (Names.find((name) => name.lastIndexOf("/") === 0) ?? "").slice(1), // links have names of two parts
    labels: Labels,
    image: ImageID,
    createdAt: new Date(Created * 1_000).toISOString(),
  }))
  if (new Set(all.map(({ labels }) => labels[LINE])).size === all.length) return all
  const images = new Map((await listImages(client, signal, LINE)).map(({ id, labels }) => [id, labels]))
  return all.filter(({ labels, image }) => !isInherited(labels, images.get(image) ?? {}))
}

/** The name of a container that has been replaced: its own one with its id. */
export function replacedName(name: string, id: string): string {
  return `${firstName(name, id)}.fettle-${id.slice(0, ID_SHOWN)}`
}

/** The name that it had before. */
export function firstName(name: string, id: string): string {
  const end = `.fettle-${id.slice(0, ID_SHOWN)}`
  return name.endsWith(end) ? name.slice(0, -end.length) : name
}

export function isReplaced({ name, id }: Pick<There, "name" | "id">): boolean {
  return firstName(name, id) !== name
}

/** What is kept of one line, the newest first. */
export function versionsOf(line: string, all: readonly Listed[]): readonly Version[] {
  return all
    .filter((each) => each.labels[LINE] === line && isReplaced(each))
    .map(({ id, name, image, createdAt }) => ({ id, name, image, createdAt }))
    .sort((a, b) => (a.createdAt === b.createdAt ? (a.id < b.id ? -1 : 1) : a.createdAt > b.createdAt ? -1 : 1))
}
