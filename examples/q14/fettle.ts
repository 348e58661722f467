// A network and a server in it. The address of the cloud and the login are given; which ids things get only the cloud knows.
import { program, resource, secret } from "fettle"
import { api, object } from "fettle/http"

export default program("cloud", { url: "http://127.0.0.1:8080", size: "small" }, ({ url, size }) => {
  const authorization = secret.env("CLOUD_TOKEN").map((token) => `Bearer ${token}`)
  const cloud = api({ name: "cloud", url, headers: { authorization } })
  const kept = (path: string) => ({
    create: { path },
    read: { path: `${path}/{id}` },
    list: { path },
    update: { method: "PATCH" as const, path: `${path}/{id}` },
    delete: { path: `${path}/{id}` },
    settle: { by: "token" as const },
  })
  const network = resource(object, "net", { ...kept("/networks"), body: { range: "10.0.0.0/24" } }, { on: cloud })
  resource(object, "web", { ...kept("/servers"), body: { size, network: network.id } }, { on: cloud })
})
