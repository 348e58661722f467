import type { EngineClient } from "../../connect/docker/engine-client.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Last, Seen, Write } from "../../provider.ts"
import { createNamed } from "./create.ts"
import { markIn, marksOf, ownerWords } from "./labels.ts"
import { shaped } from "./shape.ts"
import type { VolumeOutputs, VolumeProps } from "./volume-props.ts"
import { lookAtVolume, outputsOfVolume, type Volume, volumeShape } from "./volume-read.ts"

type Call = Write<EngineClient>

export async function createVolume(
  want: VolumeProps,
  seen: Seen<VolumeOutputs>,
  _change: Change<VolumeProps>,
  call: Call,
): Promise<VolumeOutputs> {
  if ("outputs" in seen) return seen.outputs // nothing of it can be changed in place
  let made: Volume | undefined
  const holder = async () => {
    made = await lookAtVolume(want.name, call.connection, call.signal)
    return made && { id: made.Name, name: made.Name, labels: made.Labels }
  }
  await createNamed(
    "volume",
    want.name,
    call,
    async () => {
      made = await make(want, call)
      return made.Name
    },
    holder,
  )
  return outputsOfVolume(made as Volume)
}

/** The Engine gives a volume that is already there as if it had just been made: its mark tells whose it is. */
async function make(want: VolumeProps, call: Call): Promise<Volume> {
  const { name: Name, driver: Driver, options: DriverOpts, labels } = want
  const body = { Name, Driver, DriverOpts, Labels: { ...labels, ...marksOf(call) } }
  const { json } = await call.connection.json("POST", "/volumes/create", { body, signal: call.signal })
  const made = shaped(volumeShape, json, "the answer of the create")
  if (markIn(made.Labels).mark === call.intent.token) return made
  throw new FettleError("FOREIGN", `the name ${Name} has another volume, ${ownerWords(made.Labels)}`, {
    next: "plan again: what an earlier run made is taken over; what somebody else made is refused until it is adopted",
    details: { notMade: true },
  })
}

/** @throws FettleError `PROTECTED` where no leave was given to delete what it holds */
export async function deleteVolume(
  seen: Seen<VolumeOutputs>,
  last: Last<VolumeProps, VolumeOutputs> | undefined,
  { connection, signal, address }: Call,
): Promise<void> {
  if ("absent" in seen) return
  const name = "outputs" in seen ? seen.outputs.name : last?.outputs.name
  if (name === undefined) return
  if (last?.props.deleteData !== true)
    throw new FettleError("PROTECTED", `${address}: no leave was given to delete the volume ${name}`, {
      next: "apply deleteData: true first; or keep it: retain: true",
      details: { notMade: true },
    })
  await connection.json("DELETE", `/volumes/${encodeURIComponent(name)}`, { accept: [404], repeatable: true, signal })
}
