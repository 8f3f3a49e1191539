#!/usr/bin/env node
import { runProgram } from '../run-program.ts'
import { program } from '../vast-threatbus.ts'

await runProgram(program)
