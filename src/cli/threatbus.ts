#!/usr/bin/env node
import { run } from './run.ts'
const i = process.argv.indexOf('-c')
process.exit(await run({ config: i > 0 ? process.argv[i + 1] : undefined }))
