// One image, one volume, one container. A new version takes the place of the old one when it has become healthy.
import { on, program, resource } from "fettle"
import * as docker from "fettle/docker"

export default program("web", { home: "/tmp/web", name: "fettle-web" }, ({ home, name }) => {
  on(docker.engine(), () => {
    const image = resource(docker.image, "image", { name: `${name}:current`, build: { context: `${home}/context` } })
    const data = resource(docker.volume, "data", { name: `${name}-data`, deleteData: true })
    resource(docker.container, "web", {
      name,
      image: image.image,
      mounts: [{ type: "volume", source: data.name, target: "/data" }],
      healthcheck: { test: ["test", "-f", "/ready"], intervalMs: 300, retries: 3 },
      replace: "start-first",
      withinMs: 4_000,
      stopTimeoutMs: 1_000,
      networks: [{ name: "none" }],
    })
  })
})
