export { migrations } from "./providers/sqlite/migrations.ts"
