import type { Route } from '../../observe/http/route.ts'
import type { Recorder } from '../recorder.ts'
import { liveRoute } from './live-route.ts'
import { pageRoutes } from './page-route.ts'

/** The page and the live view of a program that runs. */
export function inspectorRoutes(recorder: Recorder): readonly Route[] {
  return [...pageRoutes('live'), liveRoute(recorder)]
}
