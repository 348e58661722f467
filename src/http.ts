export { type HttpApiOptions, httpApi as api } from "./connect/http.ts"
export type { HttpAnswer, HttpClient, HttpRequest } from "./connect/http-client.ts"
export { object } from "./providers/http/object.ts"
