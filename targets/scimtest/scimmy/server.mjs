// A SCIM 2.0 service provider for tests: scimmy with its accounts in memory, on a
// port of its own choice on the loopback. It prints one line, "listening PORT",
// and ends when its standard input does. Beside /scim/v2 it answers GET
// /test/requests?from=N, GET /test/users and GET /test/reset, which it does not count.
import {randomUUID} from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const users = new Map(); // id to resource, oldest first
const logins = new Map(); // userName in lower case to id
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
function index(expression) {
    const [, attr, text] = /^(userName|externalId) eq ("(?:[^"\\]|\\.)*")$/i.exec(expression ?? "") ?? [];
    if (attr === undefined) return undefined;
    const value = JSON.parse(text);
    if (attr.toLowerCase() === "username") return [users.get(logins.get(value.toLowerCase()))].filter(u => u);
    return [...users.values()].filter(u => u.externalId === value);
}

// page hands scimmy no more than it shows: it converts everything it is given.
function page(resource) {
    const {startIndex = 1, count = 20} = resource.constraints ?? {};
    const all = [...users.values()];
    if (startIndex > 1 && startIndex <= count) return all;
    resource.constraints = {...resource.constraints, totalResults: all.length};
    if (startIndex === 1 || startIndex > all.length) return all.slice(0, count);
    return all.slice(startIndex - 1, startIndex - 1 + count);
}

SCIMMY.Resources.declare(SCIMMY.Resources.User)
    .extend(SCIMMY.Schemas.EnterpriseUser, false)
    .ingress((resource, data) => {
        const old = resource.id ? users.get(resource.id) : undefined;
        if (resource.id && !old) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
        if (current !== undefined && current === cut) throw new SCIMMY.Types.Error(500, null, "cut off");
        const id = old?.id ?? randomUUID();
        const login = data.userName.toLowerCase();
        if ((logins.get(login) ?? id) !== id)
            throw new SCIMMY.Types.Error(409, "uniqueness", `userName ${data.userName} is in use`);
        const now = new Date().toISOString();
        const user = {...JSON.parse(JSON.stringify(data)), id,
            meta: {created: old?.meta.created ?? now, lastModified: now}};
        if (old) logins.delete(old.userName.toLowerCase());
        logins.set(login, id);
        users.set(id, user);
        if (!old && ++made === lostAfter && current !== undefined) (cut = current).socket.destroy();
        return user;
    })
    .egress((resource) => {
        if (resource.id) {
            const user = users.get(resource.id);
            if (!user) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
            return user;
        }
        if (resource.filter) return index(resource.filter.expression) ?? resource.filter.match([...users.values()]);
        return page(resource);
    })
    .degress((resource) => {
        const user = users.get(resource.id);
        if (!user) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
        logins.delete(user.userName.toLowerCase());
        users.delete(resource.id);
    });

const app = express();
app.disable("x-powered-by");
app.get("/test/requests", (req, res) => res.json(requests.slice(Number(req.query.from ?? 0))));
app.get("/test/users", (req, res) => res.json([...users.values()]));
app.get("/test/reset", (req, res) => {
    users.clear();
    logins.clear();
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
