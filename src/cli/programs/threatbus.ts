#!/usr/bin/env node
import { runProgram } from '../run-program.ts'
import { program } from '../threatbus.ts'

await runProgram(program)
