-- Posts searches by number: the numbers stand in a file, a line each.
local requests, next_one = {}, 0

function init(arguments)
    for number in io.lines(arguments[1]) do
        local body = '{"phone_number":"' .. number .. '","limit":50}'
        local headers = {["Authorization"] = "Bearer " .. arguments[2], ["Content-Type"] = "application/json"}
        requests[#requests + 1] = wrk.format("POST", "/api/v1/archive/search", headers, body)
    end
end

function request()
    next_one = next_one % #requests + 1
    return requests[next_one]
end

function done(summary, latency)
    print(string.format("result %d %d %d %d", summary.requests, summary.duration, latency:percentile(99),
        summary.errors.status + summary.errors.read + summary.errors.timeout))
end
