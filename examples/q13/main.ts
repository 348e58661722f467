// Question 13: what an image is made of decides when it is built; what a container keeps is what stands in a volume.
// It needs a Docker Engine with its docker command, and a static busybox, so that nothing is pulled from a registry.
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fettleFor, folder, needs, proven, say, start, tell } from "../story.ts"

const BUSYBOX = "/bin/busybox"
needs(
  "a Docker Engine",
  "https://docs.docker.com/engine/install, and start it",
  spawnSync("docker", ["version"]).status === 0,
)
needs("busybox", "apt-get install busybox-static", existsSync(BUSYBOX) && spawnSync("ldd", [BUSYBOX]).status !== 0)

const name = `fettle-q13-${process.pid}`
const context = join(folder, "context")
const fettle = fettleFor(join(import.meta.dirname, "fettle.ts"), { home: folder, name })

mkdirSync(join(context, "bin"), { recursive: true })
copyFileSync(BUSYBOX, join(context, "bin/busybox"))
for (const each of ["sh", "cat", "touch", "test", "sleep"]) symlinkSync("busybox", join(context, "bin", each))
copyFileSync(join(import.meta.dirname, "service.sh"), join(context, "service.sh"))
// What changes most comes last, so that the layers before it are kept.
const lines = ["FROM scratch", "ENV PATH=/bin", "COPY bin /bin", "COPY service.sh /", "COPY version /"]
writeFileSync(join(context, "Dockerfile"), `${lines.join("\n")}\nCMD ["sh", "/service.sh"]\n`)
writeFileSync(join(context, ".dockerignore"), "*.md\n")

try {
  say("1. Built from nothing, and run.")
  version("1")
  await fettle("apply --yes")
  const first = await container()
  proven("version 1 runs and is healthy", first.running === "true healthy", first)

  say(
    "2. Nothing that goes into the image has changed: a note that .dockerignore leaves out, and a new time of a file.",
  )
  writeFileSync(join(context, "NOTES.md"), "not part of it\n")
  version("1")
  const same = await fettle("plan --check")
  proven("nothing is built, nothing replaced", same.code === 0)

  say(
    "3. Version 2: another image, so another container. What is in the volume stays, what was in the old layer is gone.",
  )
  version("2")
  await fettle("apply --yes")
  const second = await container()
  tell(`in the volume: ${await cat("/data/starts")} · in the container's own layer: ${await cat("/starts")}`)
  proven("it is another container", second.id !== first.id && second.running === "true healthy")
  proven("the volume has both starts", (await cat("/data/starts")) === "1 2")
  proven("its own layer knows only one", (await cat("/starts")) === "2")

  say("4. A broken version never becomes healthy.")
  version("broken")
  const failed = await fettle("apply --yes")
  const third = await container()
  proven("the run fails, and version 2 was never stopped", failed.code === 1 && third.id === second.id)
  proven("it still runs", third.running === "true healthy", third)
} finally {
  await fettle("destroy --yes")
}
const left = await start(["docker", "ps", "-aq", "--filter", `name=${name}`])
proven("nothing of it is left on the Engine", left.text === "", left.text)

function version(text: string): void {
  writeFileSync(join(context, "version"), text)
}

async function container(): Promise<{ id: string; running: string }> {
  const format = "{{.Id}} {{.State.Running}} {{.State.Health.Status}}"
  const [id = "", ...running] = (await start(["docker", "inspect", "--format", format, name])).text.trim().split(" ")
  return { id, running: running.join(" ") }
}

async function cat(path: string): Promise<string> {
  return (await start(["docker", "exec", name, "cat", path])).text.trim().replaceAll("\n", " ")
}
