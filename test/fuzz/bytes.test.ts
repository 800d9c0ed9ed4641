import { byteParsers } from "./all-targets.ts";
import { testTargets } from "./sound-targets.ts";

testTargets(byteParsers);
