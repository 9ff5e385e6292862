// A SCIM 2.0 service provider for tests: scimmy with its accounts in memory, on a
// port of its own choice on the loopback. It prints one line, "listening PORT",
// and ends when its standard input does. Beside /scim/v2 it answers GET
// /test/requests?from=N, GET /test/users, GET /test/groups and GET /test/reset, which it does not count.
import {randomUUID} from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

// A store holds the resources of one type, and the one that has a name: no two have the same.
function store(nameAttr) {
    return {nameAttr, byId: new Map(), byName: new Map()}; // id to resource, oldest first; name in lower case to id
}
const users = store("userName");
const groups = store("displayName");
const requests = [];
const token = process.env.SCIMTEST_TOKEN ?? "";

// SCIMTEST_BULK is "operations,bytes,lost": what a bulk request takes, and after how many
// accounts the connection of one is cut; what it has not done by then, it does not do.
const [bulkOps = 0, bulkBytes = 0, lostAfter = 0] = (process.env.SCIMTEST_BULK ?? "").split(",").map(Number);
let made = 0;
let cut; // the bulk request that was cut
let current; // the bulk request under way
if (bulkOps > 0) SCIMMY.Config.set("bulk", {supported: true, maxOperations: bulkOps, maxPayloadSize: bulkBytes});

// index answers the two filters that lookups use without going through everybody.
function index(of, expression) {
    const [, attr, text] = /^(userName|displayName|externalId) eq ("(?:[^"\\]|\\.)*")$/i.exec(expression ?? "") ?? [];
    if (attr === undefined) return undefined;
    const value = JSON.parse(text);
    if (attr.toLowerCase() === of.nameAttr.toLowerCase()) return [of.byId.get(of.byName.get(value.toLowerCase()))].filter(r => r);
    if (attr.toLowerCase() === "externalid") return [...of.byId.values()].filter(r => r.externalId === value);
    return undefined;
}

// page hands scimmy no more than it shows: it converts everything it is given.
function page(of, resource) {
    const {startIndex = 1, count = 20} = resource.constraints ?? {};
    const all = [...of.byId.values()];
    if (startIndex > 1 && startIndex <= count) return all;
    resource.constraints = {...resource.constraints, totalResults: all.length};
    if (startIndex === 1 || startIndex > all.length) return all.slice(0, count);
    return all.slice(startIndex - 1, startIndex - 1 + count);
}

// known gives the resource with an id.
function known(of, id) {
    const resource = of.byId.get(id);
    if (!resource) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
    return resource;
}

// keep declares a type whose resources are kept in a store. check looks at one before it is stored.
function keep(declared, of, check = () => {}) {
    return declared.ingress((resource, data) => {
        const old = resource.id ? known(of, resource.id) : undefined;
        if (current !== undefined && current === cut) throw new SCIMMY.Types.Error(500, null, "cut off");
        const id = old?.id ?? randomUUID();
        const name = data[of.nameAttr].toLowerCase();
        if ((of.byName.get(name) ?? id) !== id)
            throw new SCIMMY.Types.Error(409, "uniqueness", `${of.nameAttr} ${data[of.nameAttr]} is in use`);
        check(data);
        const now = new Date().toISOString();
        const stored = {...JSON.parse(JSON.stringify(data)), id,
            meta: {created: old?.meta.created ?? now, lastModified: now}};
        if (old) of.byName.delete(old[of.nameAttr].toLowerCase());
        of.byName.set(name, id);
        of.byId.set(id, stored);
        if (!old && of === users && ++made === lostAfter && current !== undefined) (cut = current).socket.destroy();
        return stored;
    }).egress((resource) => {
        if (resource.id) return known(of, resource.id);
        if (resource.filter) return index(of, resource.filter.expression) ?? resource.filter.match([...of.byId.values()]);
        return page(of, resource);
    }).degress((resource) => {
        of.byName.delete(known(of, resource.id)[of.nameAttr].toLowerCase());
        of.byId.delete(resource.id);
    });
}

keep(SCIMMY.Resources.declare(SCIMMY.Resources.User).extend(SCIMMY.Schemas.EnterpriseUser, false), users);
keep(SCIMMY.Resources.declare(SCIMMY.Resources.Group), groups, (group) => {
    for (const {value} of group.members ?? [])
        if (!users.byId.has(value) && !groups.byId.has(value)) throw new SCIMMY.Types.Error(400, "invalidValue", `member ${value} does not exist`);
});

const app = express();
app.disable("x-powered-by");
app.get("/test/requests", (req, res) => res.json(requests.slice(Number(req.query.from ?? 0))));
app.get("/test/users", (req, res) => res.json([...users.byId.values()]));
app.get("/test/groups", (req, res) => res.json([...groups.byId.values()]));
app.get("/test/reset", (req, res) => {
    for (const of of [users, groups]) {
        of.byId.clear();
        of.byName.clear();
    }
    requests.length = 0;
    res.json({});
});
app.use(express.json({
    type: ["application/scim+json", "application/json"], limit: "20mb",
    verify: (req, res, raw) => { req.raw = raw.toString(); }
}));
app.use((req, res, next) => {
    const [path, query = ""] = req.originalUrl.split("?");
    const entry = {method: req.method, path, query, header: req.headers, body: req.raw ?? "", status: 0};
    requests.push(entry);
    current = path.endsWith("/Bulk") ? req : undefined;
    // The status is noted before the answer leaves, so that whoever has the answer
    // finds it here.
    const writeHead = res.writeHead;
    res.writeHead = (...args) => { entry.status = args[0]; return writeHead.apply(res, args); };
    next();
});
app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (req) => {
        if (token !== "" && req.header("Authorization") !== `Bearer ${token}`) throw new Error("who is there?");
        return "";
    }
}));

const server = app.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
