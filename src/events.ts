export type { ErrorFacts, EventBody, FettleEvent } from "./events/events.ts"
export type { JsonSchema } from "./events/json-schema.ts"
export { eventSchema, lineSchema } from "./events/schema.ts"
