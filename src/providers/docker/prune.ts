import { type Call, remove } from "./container-steps.ts"
import { removeUnused } from "./image-write.ts"
import { listOurs, versionsOf } from "./versions.ts"

/**
 * Removes what is kept of one line beyond the newest `keep`. A line is known by a random label that one container of one program handed to
 * its successors, so nothing of another program is ever met.
 * @param besides one that is left out of it all
 */
export async function prune(line: string, keep: number, call: Call, besides?: string): Promise<void> {
  const all = versionsOf(line, await listOurs(call.connection, call.signal, line))
  const kept = all.filter(({ id }) => id !== besides)
  for (const { id, name, image } of kept.slice(keep)) {
    call.log(`removing ${name}`)
    await remove(id, call)
    await removeUnused(image, call)
  }
}
