// Writes the root of a small base image into a folder: this machine's Node with the libraries it is linked to, and static busybox.
// Where a registry can be reached, `FROM node:24-slim` in service/Dockerfile does in the place of all this.
//
//   node base.mjs FOLDER
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const root = join(process.argv[2], "root")
rmSync(root, { recursive: true, force: true })
for (const folder of ["bin", "etc", "tmp", "data", "srv"]) mkdirSync(join(root, folder), { recursive: true })

put(process.execPath, "/bin/node")
for (const library of librariesOf(process.execPath)) put(library, library)
put("/bin/busybox", "/bin/busybox")
for (const name of ["sh", "ls", "cat", "wget"]) symlinkSync("busybox", join(root, "bin", name))
writeFileSync(join(root, "etc", "passwd"), "root:x:0:0:root:/:/bin/sh\n")
writeFileSync(join(process.argv[2], "Dockerfile"), "FROM scratch\nCOPY root/ /\nENV PATH=/bin\n")

/** Paths of all that the loader maps, itself too. */
function librariesOf(program) {
  const lines = execFileSync("ldd", [program], { encoding: "utf8" }).split("\n")
  return lines.flatMap((line) => line.match(/(?:=> )?(\/\S+) \(0x/)?.[1] ?? [])
}

function put(from, to) {
  mkdirSync(dirname(join(root, to)), { recursive: true })
  copyFileSync(from, join(root, to))
}
