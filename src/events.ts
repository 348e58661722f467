export type { ErrorFacts, EventBody, FettleEvent } from "./events/events.ts"
export { eventSchema, type JsonSchema, lineSchema } from "./events/schema.ts"
