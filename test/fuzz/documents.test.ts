import { documentParsers } from "./all-targets.ts";
import { testTargets } from "./sound-targets.ts";

testTargets(documentParsers);
