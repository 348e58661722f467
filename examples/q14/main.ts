// Question 14: a cloud makes a server and its answer is lost; a login expires; somebody turns a knob; all of it is taken away.
import { join } from "node:path"
import { fettleFor, folder, proven, say, start, tell, until } from "../story.ts"
import { Cloud } from "./cloud.ts"

const cloud = await Cloud.start()
const program = join(import.meta.dirname, "fettle.ts")
const fettle = fettleFor(program, { url: cloud.url })
const login = { CLOUD_TOKEN: cloud.token }

try {
  say("1. The cloud makes the server, and Fettle is killed before the answer comes. Nobody knows the server's id.")
  cloud.answersAfterMs = 60_000
  const cli = join(import.meta.dirname, "../../dist/cli/main.js")
  const words = ["apply", "--yes", "--file", program, "--state", join(folder, ".fettle")]
  const killed = start([process.execPath, cli, ...words, "--param", `url=${cloud.url}`], login)
  await until(() => cloud.servers.size === 1)
  killed.kill("SIGKILL")
  await killed
  cloud.answersAfterMs = 0
  proven("there is one server that no record speaks of", cloud.servers.size === 1)

  say("2. The next run finds the open intent, and asks once more with the same token.")
  const settled = await fettle("apply --yes", login)
  proven("it is the same server: nothing was made twice", settled.code === 0 && cloud.servers.size === 1)

  say("3. The login expires. Then somebody makes the server larger in the console.")
  cloud.token = "second-token"
  const refused = await fettle("plan", login)
  proven(
    "an answer that does not come is an error, and not 'it is gone'",
    refused.code === 1 && !/create/.test(refused.text),
  )
  const [id = ""] = cloud.servers.keys()
  cloud.servers.set(id, { ...cloud.servers.get(id), id, size: "huge" })
  const renewed = { CLOUD_TOKEN: cloud.token }
  const healed = await fettle("apply --yes", renewed)
  proven("the drift is undone in place", healed.code === 0 && cloud.servers.get(id)?.size === "small")

  say("4. All of it is taken away, in the other order: the cloud deletes no network with servers in it.")
  const gone = await fettle("destroy --yes", renewed)
  tell(`deleted: ${cloud.deleted.join(", then ")}`)
  proven("nothing is left that would cost money", gone.code === 0 && cloud.servers.size + cloud.networks.size === 0)
  proven("servers first", cloud.deleted.join() === "servers,networks")
} finally {
  await cloud.close()
}
